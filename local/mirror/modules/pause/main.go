// Command pause keeps the namespaces of a pod alive: it waits to be ended, and reaps what is handed to it as process 1.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The health check of `kubeadm upgrade` is a job that asks for the version, and waits for it to end.
	if len(os.Args) == 2 && os.Args[1] == "-v" {
		fmt.Println("pause of the local mirror")
		return
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap collects every child that has ended: several ends may arrive as one signal.
func reap() {
	for {
		process, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || process <= 0 {
			return
		}
	}
}
