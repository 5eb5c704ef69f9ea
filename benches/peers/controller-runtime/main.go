// A stock operator, as the documentation of controller-runtime suggests it: the finalizer helpers, the cached
// client, the defaults of the manager, an error returned for the rate limiter to retry, and a cleanup that can
// be repeated: to be told that there is no such campaign is success. It writes the campaign that Kore returns
// into the status, as is asked of all peers; its own writes do not trigger it. It leaves out everything else:
// the proof that a campaign is absent, the quota, what the status says meanwhile, and what becomes of living
// campaigns.
//
// WATCH_NAMESPACES is the namespace to work in, and CONCURRENCY how many objects are reconciled at a time.
package main

import (
	"context"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const finalizer = "voicecampaign.dev/remote-campaign"

func main() {
	ctrl.SetLogger(zap.New())
	if err := run(); err != nil {
		ctrl.Log.Error(err, "the operator ended")
		os.Exit(1)
	}
}

func run() error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(schemeBuilder.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{os.Getenv("WATCH_NAMESPACES"): {}},
		},
		// A cached Secret would need the right to list all of them.
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics: server.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	// 0 leaves it to controller-runtime, whose default is one.
	concurrency, _ := strconv.Atoi(os.Getenv("CONCURRENCY"))
	err = ctrl.NewControllerManagedBy(manager).
		// Its own writes to a status bring nothing new.
		For(&VoiceCampaign{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(&Reconciler{Client: manager.GetClient(), Kore: NewKore()})
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// Reconciler reconciles VoiceCampaigns.
type Reconciler struct {
	client.Client
	Kore *Kore
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := &VoiceCampaign{}
	if err := r.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := client.MergeFromWithOptions(object.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if object.DeletionTimestamp.IsZero() {
		if controllerutil.AddFinalizer(object, finalizer) {
			return ctrl.Result{}, r.Patch(ctx, object, before)
		}
		return ctrl.Result{}, nil
	}
	if !controllerutil.ContainsFinalizer(object, finalizer) {
		return ctrl.Result{}, nil
	}
	if err := r.delete(ctx, object); err != nil {
		return ctrl.Result{}, err
	}
	before = client.MergeFromWithOptions(object.DeepCopy(), client.MergeFromWithOptimisticLock{})
	controllerutil.RemoveFinalizer(object, finalizer)
	return ctrl.Result{}, client.IgnoreNotFound(r.Patch(ctx, object, before))
}

// delete deletes the campaign in Kore, and reports it in the status.
func (r *Reconciler) delete(ctx context.Context, object *VoiceCampaign) error {
	connection := &KoreConnection{}
	key := client.ObjectKey{Namespace: object.Namespace, Name: object.Spec.ConnectionRef.Name}
	if err := r.Get(ctx, key, connection); err != nil {
		return err
	}
	secret := &corev1.Secret{}
	key.Name = connection.Spec.CredentialsSecretRef.Name
	if err := r.Get(ctx, key, secret); err != nil {
		return err
	}
	campaign, err := r.Kore.Delete(ctx, connection.Spec, secret, object.Spec)
	if err != nil {
		return err
	}

	before := client.MergeFrom(object.DeepCopy())
	meta.SetStatusCondition(&object.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionFalse, Reason: "Deleted", Message: "Deleted",
	})
	if campaign != nil {
		object.Status.Campaign = campaign
	}
	return r.Status().Patch(ctx, object, before)
}
