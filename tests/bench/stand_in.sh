#!/bin/sh
# What SSH runs on a stand-in machine, whatever it is asked for: takes the standard input, ends as a step of
# `scripts/` does that has nothing left to do, and prints what the step returns.
answers=$1 seconds=$2

step=$(tail -n 1)
[ "$seconds" = 0 ] || sleep "$seconds"
case $step in
  "run_step prepare"*)
    # A machine-id of its own for each address; the third word is this machine's.
    address=${SSH_CONNECTION#* * }
    echo "${address%% *}" | awk -F . '{ printf "%08x%08x%08x%08x\n", $1, $2, $3, $4 }'
    ;;
  "run_step init"*) cat "$answers/init" ;;
  "run_step kubeconfig"*) cat "$answers/kubeconfig" ;;
  "run_step membership"*) cat "$answers/membership" ;;
esac
