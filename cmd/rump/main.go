// Command rump is every tool of the project in one program: by subcommand, or by the name it is called under.
package main

import (
	"context"
	"os"
)

func main() {
	e := &env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv,
	}
	os.Exit(run(context.Background(), e, os.Args))
}
