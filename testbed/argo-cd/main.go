// Says what Argo CD shows of each object, and what its actions do, given the scripts of an argocd-cm: on stdin
// {"scripts": {"health": …, "discovery": …, "actions": {name: …}}, "objects": […]}. A mistake in a script ends it.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"log"
	"os"
	"slices"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type input struct {
	Scripts struct {
		Health    string            `json:"health"`
		Discovery string            `json:"discovery"`
		Actions   map[string]string `json:"actions"`
	} `json:"scripts"`
	Objects []unstructured.Unstructured `json:"objects"`
}

type action struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
}

type output struct {
	// What a user sees. While an object is being deleted, Argo CD does not ask the script.
	Health *health.HealthStatus `json:"health"`
	// What the script itself would say.
	Script  *health.HealthStatus                  `json:"script"`
	Actions []action                              `json:"actions"`
	Results map[string]*unstructured.Unstructured `json:"results"`
}

func main() {
	var in input
	check(json.NewDecoder(os.Stdin).Decode(&in))
	all := []output{}
	for _, object := range in.Objects {
		all = append(all, show(&in, &object))
	}
	check(json.NewEncoder(os.Stdout).Encode(all))
}

func show(in *input, object *unstructured.Unstructured) output {
	vm := lua.VM{}
	out := output{Actions: []action{}, Results: map[string]*unstructured.Unstructured{}}
	var err error
	// Through the overrides, as a line in argocd-cm gets there: they decide which libraries a script may use.
	out.Health, err = health.GetResourceHealth(object, lua.ResourceHealthOverrides{
		lua.GetConfigMapKey(object.GroupVersionKind()): v1alpha1.ResourceOverride{HealthLua: in.Scripts.Health},
	})
	check(err)
	out.Script, err = vm.ExecuteHealthLua(object, in.Scripts.Health)
	check(err)

	found, err := vm.ExecuteResourceActionDiscovery(object, []string{in.Scripts.Discovery})
	check(err)
	for _, one := range found {
		out.Actions = append(out.Actions, action{one.Name, one.Disabled})
	}
	// They come from a map.
	slices.SortFunc(out.Actions, func(a, b action) int { return cmp.Compare(a.Name, b.Name) })

	for name, script := range in.Scripts.Actions {
		impacted, err := vm.ExecuteResourceAction(object, script, nil)
		check(err)
		if len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
			check(errors.New(name + " does more than patch its object"))
		}
		out.Results[name] = impacted[0].UnstructuredObj
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
