package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
)

const (
	variableStdout = "PULUMI_COMMAND_STDOUT"
	variableStderr = "PULUMI_COMMAND_STDERR"
)

// run runs a command on the machine and keeps what it printed.
func (s *State) run(ctx context.Context, command string, previous *State) error {
	client, closeAll, err := s.Connection.dial(ctx)
	defer closeAll()
	if err != nil {
		return err
	}
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	for name, text := range s.Environment {
		if err := session.Setenv(name, text); err != nil {
			return fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	if previous != nil && value(s.AddPreviousOutputInEnv, true) {
		for name, text := range map[string]string{variableStdout: previous.Stdout, variableStderr: previous.Stderr} {
			if err := session.Setenv(name, text); err != nil {
				provider.GetLogger(ctx).Warningf("Unable to set %q: %s", name, err)
			}
		}
	}
	if s.Stdin != nil {
		session.Stdin = strings.NewReader(*s.Stdin)
	}
	var stdout, stderr, both bytes.Buffer
	together := &locked{writer: &both}
	logging := value(s.Logging, "stdoutAndStderr")
	logged := newLineLog(provider.GetLogger(ctx).Info)
	session.Stdout = io.MultiWriter(append([]io.Writer{&stdout, together}, logged.when(logging == "stdout" || logging == "stdoutAndStderr")...)...)
	session.Stderr = io.MultiWriter(append([]io.Writer{&stderr, together}, logged.when(logging == "stderr" || logging == "stdoutAndStderr")...)...)
	err = session.Run(command)
	logged.close()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	s.Stdout, s.Stderr = trimmed(stdout.String()), trimmed(stderr.String())
	return nil
}

// locked lets both streams of a command write into one buffer.
type locked struct {
	mutex  sync.Mutex
	writer io.Writer
}

func (l *locked) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.writer.Write(data)
}

// lineLog logs each line of what is written to it.
type lineLog struct {
	writer *io.PipeWriter
	done   chan struct{}
}

func newLineLog(log func(string)) *lineLog {
	reader, writer := io.Pipe()
	l := &lineLog{writer: writer, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		lines := bufio.NewReader(reader)
		for {
			line, err := lines.ReadString('\n')
			if text := trimmed(line); text != "" {
				log(text)
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lineLog) when(wanted bool) []io.Writer {
	if wanted {
		return []io.Writer{l.writer}
	}
	return nil
}

func (l *lineLog) close() {
	_ = l.writer.Close() // Closing a pipe cannot fail.
	<-l.done
}
