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
	"golang.org/x/crypto/ssh"
)

// run runs a command on the machine and keeps what it printed. As in the real provider, no context ends it.
func (s *CommandOutputs) run(ctx context.Context, command string) error {
	client, err := s.Connection.dial(ctx)
	if err != nil {
		return err
	}
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	if err := s.setVariables(ctx, session); err != nil {
		return err
	}
	if s.Stdin != nil && *s.Stdin != "" {
		session.Stdin = strings.NewReader(*s.Stdin)
	}
	var stdout, stderr, both bytes.Buffer
	together := &locked{writer: &both}
	lines := newLineLog(provider.GetLogger(ctx).InfoStatus)
	session.Stdout = io.MultiWriter(append([]io.Writer{&stdout, together}, lines.when(s.logs("stdout"))...)...)
	session.Stderr = io.MultiWriter(append([]io.Writer{&stderr, together}, lines.when(s.logs("stderr"))...)...)
	err = session.Run(command)
	lines.close()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	s.Stdout, s.Stderr = strings.TrimSuffix(stdout.String(), "\n"), strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

func (s *CommandOutputs) logs(stream string) bool {
	return s.Logging == nil || *s.Logging == stream || *s.Logging == "stdoutAndStderr"
}

// setVariables fails where the machine refuses one of the environment; that one has no previous output is a warning.
func (s *CommandOutputs) setVariables(ctx context.Context, session *ssh.Session) error {
	log := provider.GetLogger(ctx)
	for name, text := range s.Environment {
		if err := session.Setenv(name, text); err != nil {
			log.Error(refused(name))
			return fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	if s.AddPreviousOutputInEnv != nil && !*s.AddPreviousOutputInEnv {
		return nil
	}
	previous := [][2]string{{"PULUMI_COMMAND_STDOUT", s.Stdout}, {"PULUMI_COMMAND_STDERR", s.Stderr}}
	for _, each := range previous {
		if each[1] != "" && session.Setenv(each[0], each[1]) != nil {
			log.Warning(refused(each[0]))
		}
	}
	return nil
}

func refused(name string) string {
	return fmt.Sprintf("Unable to set '%s'. This only works if your SSH server is configured to accept it (AcceptEnv).", name)
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

// lineLog logs each line of what is written to it. As in the real provider, a line of more than 64 KiB ends its reading,
// and with it, for ever, the command, whose output nobody takes any more.
type lineLog struct {
	writer *io.PipeWriter
	done   chan struct{}
}

func newLineLog(log func(string)) *lineLog {
	reader, writer := io.Pipe()
	l := &lineLog{writer: writer, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			log(lines.Text())
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
