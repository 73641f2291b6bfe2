package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	defaultDialErrorLimit = 10
	defaultPerDialSeconds = 15
	firstPause            = 100 * time.Millisecond
	longestPause          = 5 * time.Second
)

// Endpoint is a machine that SSH connects to.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	User               *string  `pulumi:"user,optional"`
	Port               *float64 `pulumi:"port,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Connection is a machine, and the bastion on the way to it if there is one.
type Connection struct {
	Endpoint
	Proxy *Endpoint `pulumi:"proxy,optional"`
}

// dial connects; what is returned closes every connection that was made.
func (c *Connection) dial(ctx context.Context) (*ssh.Client, func(), error) {
	if c.Proxy == nil {
		client, err := c.Endpoint.dial(ctx, net.DialTimeout)
		return client, func() { closeClient(client) }, err
	}
	bastion, err := c.Proxy.dial(ctx, net.DialTimeout)
	if err != nil {
		return nil, func() {}, fmt.Errorf("proxy: %w", err)
	}
	through := func(network, address string, _ time.Duration) (net.Conn, error) {
		return bastion.DialContext(ctx, network, address)
	}
	client, err := c.Endpoint.dial(ctx, through)
	return client, func() { closeClient(client); closeClient(bastion) }, err
}

func closeClient(client *ssh.Client) {
	if client != nil {
		_ = client.Close() // Nothing is left to do with a connection that does not close.
	}
}

type dialer func(network, address string, timeout time.Duration) (net.Conn, error)

func (e *Endpoint) dial(ctx context.Context, dial dialer) (*ssh.Client, error) {
	config, err := e.config()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(e.Host, strconv.Itoa(int(value(e.Port, 22))))
	limit := value(e.DialErrorLimit, defaultDialErrorLimit)
	pause := firstPause
	for attempt := 1; ; attempt++ {
		client, err := connect(dial, address, config)
		if err == nil {
			return client, nil
		}
		if limit >= 0 && attempt >= limit {
			return nil, fmt.Errorf("after %d failed attempts: %w", attempt, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*3/2, longestPause)
	}
}

func connect(dial dialer, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	connection, err := dial("tcp", address, config.Timeout)
	if err != nil {
		return nil, err
	}
	if config.Timeout > 0 {
		_ = connection.SetDeadline(time.Now().Add(config.Timeout)) // Only a broken connection refuses a deadline.
	}
	secured, channels, requests, err := ssh.NewClientConn(connection, address, config)
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(connection.Close()))
	}
	_ = connection.SetDeadline(time.Time{}) // The deadline was for the handshake.
	return ssh.NewClient(secured, channels, requests), nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (e *Endpoint) config() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            value(e.User, "root"),
		Timeout:         time.Duration(value(e.PerDialTimeout, defaultPerDialSeconds)) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // As the real provider does; the program always gives a host key.
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, fmt.Errorf("hostKey: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, fmt.Errorf("privateKey: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password))
	}
	if path := value(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK")); path != "" {
		socket, err := net.Dial("unix", path)
		if err != nil {
			return nil, fmt.Errorf("SSH agent: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(socket).Signers))
	}
	return config, nil
}

func (e *Endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}

func value[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}
