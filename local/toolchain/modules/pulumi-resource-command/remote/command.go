// Package remote runs commands on machines over SSH.
package remote

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Command is a resource whose life is a command for each of its steps.
type Command struct{}

// Inputs are what a program declares. A change of any of them is an update; a change of triggers is a replacement, which
// the SDK asks for itself.
type Inputs struct {
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Triggers               []any             `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Logging                *string           `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// State is what is stored: the inputs of the last step that succeeded, and what it printed.
type State struct {
	Inputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Create runs the create command.
func (*Command) Create(ctx context.Context, req infer.CreateRequest[Inputs]) (infer.CreateResponse[State], error) {
	state := State{Inputs: req.Inputs}
	id, err := resource.NewUniqueHex("command", 8, 0)
	if err != nil || req.DryRun {
		return infer.CreateResponse[State]{ID: id, Output: state}, err
	}
	if req.Inputs.Create != nil {
		err = state.run(ctx, *req.Inputs.Create, nil)
	}
	return infer.CreateResponse[State]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command where there is none. When it fails the old state is kept.
func (*Command) Update(ctx context.Context, req infer.UpdateRequest[Inputs, State]) (infer.UpdateResponse[State], error) {
	state := State{Inputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	if req.DryRun || command == nil {
		return infer.UpdateResponse[State]{Output: state}, nil
	}
	err := state.run(ctx, *command, &req.State)
	return infer.UpdateResponse[State]{Output: state}, err
}

// Delete runs the delete command as it was stored, over the connection as it was stored.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	if req.State.Inputs.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	state := req.State
	return infer.DeleteResponse{}, state.run(ctx, *req.State.Inputs.Delete, &req.State)
}

// WireDependencies says that what is printed depends on all inputs, but is no secret because one of them is.
func (*Command) WireDependencies(f infer.FieldSelector, inputs *Inputs, state *State) {
	all := f.InputField(inputs)
	f.OutputField(&state.Stdout).DependsOn(all)
	f.OutputField(&state.Stderr).DependsOn(all)
	f.OutputField(&state.Stdout).NeverSecret()
	f.OutputField(&state.Stderr).NeverSecret()
}

func trimmed(output string) string { return strings.TrimSuffix(output, "\n") }
