#!/bin/sh
# The command that SSH forces on a stand-in machine: it reads the standard input, ends as a step of `scripts/` with nothing
# left to do, and prints the output of the step. The step that the file `fails` names fails; that which `loses` names loses its
# session behind its output. The program `watch` runs while a step does.
answers=$1 seconds=$2

step=$(tail -n 1)
if [ "$step" = "run_step $(cat "$answers/fails" 2>/dev/null)" ]; then
  echo "node: step: expected it to succeed" >&2
  exit 1
fi
[ "$seconds" = 0 ] || sleep "$seconds"
[ ! -x "$answers/watch" ] || "$answers/watch"
case $step in
  "run_step prepare"*)
    # Each address has a machine-id of its own; the third word is the address of this machine.
    address=${SSH_CONNECTION#* * }
    echo "${address%% *}" | awk -F . '{ printf "%08x%08x%08x%08x\n", $1, $2, $3, $4 }'
    ;;
  "run_step init"*) cat "$answers/init" ;;
  "run_step kubeconfig"*) cat "$answers/kubeconfig" ;;
  "run_step membership"*) cat "$answers/membership" ;;
esac
[ "$step" != "run_step $(cat "$answers/loses" 2>/dev/null)" ] || kill -KILL $PPID
