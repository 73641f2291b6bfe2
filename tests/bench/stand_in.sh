#!/bin/sh
# The command that SSH forces on a stand-in machine: it reads the standard input, ends as a step of `scripts/` with nothing
# left to do, and prints the output of the step, sealed where it is a secret. A step fails that begins as the file `fails` says; that
# which `loses` names loses its session behind its output. The program `watch` runs while a step does, and is told its line.
answers=$1 seconds=$2
address=${SSH_CONNECTION#* * } # its third word is the address of this machine
address=${address%% *}

# seal NAME: an answer, as the machine seals it.
seal() { openssl cms -encrypt -binary -aes-256-cbc -outform PEM -in "$answers/$1" "$answers/recipient-$address"; }

text=$(cat)
step=$(printf '%s\n' "$text" | tail -n 1)
# A script of the program begins and ends with a line that is printed: the login runs scripts, and the answer is whole.
case $text in "echo "*) echo "${text#echo }" | head -n 1 ;; esac
failing=$(cat "$answers/fails" 2>/dev/null)
case $step in
  "run_step ${failing:-none}"*)
    echo "node: step: expected it to succeed" >&2
    exit 1
    ;;
esac
[ "$seconds" = 0 ] || sleep "$seconds"
[ ! -x "$answers/watch" ] || "$answers/watch" "$step"
case $step in
  "run_step prepare"*)
    printf '%s\n' "$text" | sed --quiet "/^stage .*results\/recipient.pem '/,/END CERT/{s/^stage .*'//; p}" \
      >"$answers/recipient-$address"
    # Each address has a machine-id of its own.
    echo "$address" | awk -F . '{ printf "%08x%08x%08x%08x\n", $1, $2, $3, $4 }'
    ;;
  "run_step init"*) cat "$answers/init" ;;
  "run_step kubeconfig"*) seal kubeconfig ;;
  "run_step membership"*) seal membership ;;
  "echo "*) echo "${step#echo }" ;;
esac
[ "$step" != "run_step $(cat "$answers/loses" 2>/dev/null)" ] || kill -KILL $PPID
