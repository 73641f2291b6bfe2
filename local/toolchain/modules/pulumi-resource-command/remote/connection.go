package remote

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const unlimited = -1

// endpoint is a machine that SSH connects to.
type endpoint struct {
	Host               *string  `pulumi:"host"`
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

func (e *endpoint) setDefaults(a infer.Annotator) {
	a.SetDefault(&e.User, "root")
	a.SetDefault(&e.Port, 22)
	a.SetDefault(&e.DialErrorLimit, 10)
	a.SetDefault(&e.PerDialTimeout, 15)
}

// Connection is a machine, and the bastion on the way to it if there is one.
type Connection struct {
	endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// Annotate tells the defaults.
func (c *Connection) Annotate(a infer.Annotator) { c.setDefaults(a) }

// ProxyConnection is a bastion.
type ProxyConnection struct{ endpoint }

// Annotate tells the defaults.
func (c *ProxyConnection) Annotate(a infer.Annotator) { c.setDefaults(a) }

// dial connects. As in the real provider, the time limit of a dial covers TCP only: nothing ends a handshake, a login or
// a command with a machine that accepts a connection and is silent. No connection is closed before the provider ends.
func (c *Connection) dial(ctx context.Context) (*ssh.Client, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		return dialed(ctx, "Dial", *c.DialErrorLimit, func() (*ssh.Client, error) {
			return ssh.Dial("tcp", c.address(), config)
		})
	}
	client, err := c.dialThrough(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return client, nil
}

// dialThrough connects through the bastion. Where the first handshake fails, the connection is closed, and further ones
// fail on it: as in the real provider, their text is the one that is seen.
func (c *Connection) dialThrough(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, error) {
	bastion, err := c.Proxy.config()
	if err != nil {
		return nil, err
	}
	first, err := dialed(ctx, "Dial proxy", *c.Proxy.DialErrorLimit, func() (*ssh.Client, error) {
		return ssh.Dial("tcp", c.Proxy.address(), bastion)
	})
	if err != nil {
		return nil, err
	}
	through, err := dialed(ctx, "Dial from proxy", *c.DialErrorLimit, func() (net.Conn, error) {
		return first.Dial("tcp", c.address())
	})
	if err != nil {
		return nil, err
	}
	return dialed(ctx, "Dial", *c.DialErrorLimit, func() (*ssh.Client, error) {
		secured, channels, requests, err := ssh.NewClientConn(through, c.address(), config)
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(secured, channels, requests), nil
	})
}

// dialed tries until it succeeds, or has failed once more often than the limit.
func dialed[T any](ctx context.Context, what string, limit int, dial func() (T, error)) (T, error) {
	var connected T
	ok, _, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(failures int, _ time.Duration) (bool, any, error) {
			var err error
			if connected, err = dial(); err == nil {
				return true, nil, nil
			}
			if limit > unlimited && failures >= limit {
				return true, nil, fmt.Errorf("after %d failed attempts: %w", failures, err)
			}
			shown := "inf"
			if limit != unlimited {
				shown = strconv.Itoa(limit)
			}
			provider.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying", what, failures+1, shown)
			return false, nil, nil
		},
	})
	if err == nil && !ok {
		err = ctx.Err()
	}
	return connected, err
}

func (e *endpoint) address() string { return net.JoinHostPort(*e.Host, strconv.Itoa(int(*e.Port))) }

func (e *endpoint) config() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *e.User,
		Timeout:         time.Duration(*e.PerDialTimeout) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // As the real provider does; the program always gives a host key.
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answers))
	}
	path := os.Getenv("SSH_AUTH_SOCK")
	if e.AgentSocketPath != nil {
		path = *e.AgentSocketPath
	}
	if path != "" || e.AgentSocketPath != nil {
		socket, err := net.Dial("unix", path)
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(socket).Signers))
	}
	return config, nil
}

// answers gives the password to each question of the server.
func (e *endpoint) answers(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range questions {
		answers[i] = *e.Password
	}
	return answers, nil
}

func (e *endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}
