// Builds nothing: names the version of Flux's definitions of sources, which are beside the source-controller's code.
// `go mod tidy` would take the line out.
module voicecampaign.dev/testbed/flux/source-controller

go 1.26.0

require github.com/fluxcd/source-controller v1.9.6
