// Says of each object of a JSON array on stdin what kstatus makes of it, and what Flux's fork does: waits of tools that
// embed one of them end by what this prints.
package main

import (
	"encoding/json"
	"log"
	"os"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type result struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type results struct {
	Kstatus result `json:"kstatus"`
	Flux    result `json:"flux"`
}

func main() {
	// Not `[]map[string]any`: only this decoder makes int64 of a number, without which `generation` is not found.
	var objects []unstructured.Unstructured
	check(json.NewDecoder(os.Stdin).Decode(&objects))
	all := []results{}
	for _, object := range objects {
		upstream, err := status.Compute(&object)
		check(err)
		fork, err := flux.Compute(&object)
		check(err)
		all = append(all, results{
			result{upstream.Status.String(), upstream.Message},
			result{fork.Status.String(), fork.Message},
		})
	}
	check(json.NewEncoder(os.Stdout).Encode(all))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
