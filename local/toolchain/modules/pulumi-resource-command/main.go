// A small substitute for the command provider of Pulumi, which no package registry holds. It knows one resource,
// command:remote:Command, and behaves as version 1.2.1 of the real one does; docs/decisions.md names the differences.
// It is used only where the real plugin cannot be downloaded.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"

	"commandprovider/remote"
)

const behavesLike = "1.2.1"

func main() {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("Command (local substitute)").
		WithDescription("A substitute for command:remote:Command, for machines that cannot download the real provider.").
		WithResources(infer.Resource(&remote.Command{})).
		Build()
	if err == nil {
		err = provider.Run(context.Background(), "command", behavesLike)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
