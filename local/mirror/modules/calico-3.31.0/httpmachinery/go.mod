// In place of a module that the registry of Go modules lacks: only whisker-backend, which is not built, imports packages of it.
module github.com/projectcalico/calico/lib/httpmachinery

go 1.24
