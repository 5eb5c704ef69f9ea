package main

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

var groupVersion = schema.GroupVersion{Group: "voicecampaign.dev", Version: "v1alpha1"}

// The two kinds, with the fields that this operator uses.
var schemeBuilder = (&scheme.Builder{GroupVersion: groupVersion}).
	Register(&VoiceCampaign{}, &VoiceCampaignList{}, &KoreConnection{}, &KoreConnectionList{})

type VoiceCampaign struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   VoiceCampaignSpec   `json:"spec"`
	Status VoiceCampaignStatus `json:"status,omitempty"`
}

type VoiceCampaignSpec struct {
	ConnectionRef Reference `json:"connectionRef"`
	StreamID      string    `json:"streamId"`
	CampaignID    string    `json:"campaignId"`
}

type VoiceCampaignStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Campaign is the campaign as Kore returned it.
	Campaign *apiextensionsv1.JSON `json:"campaign,omitempty"`
}

type Reference struct {
	Name string `json:"name"`
}

type VoiceCampaignList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []VoiceCampaign `json:"items"`
}

type KoreConnection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec KoreConnectionSpec `json:"spec"`
}

type KoreConnectionSpec struct {
	Host                 string      `json:"host"`
	AccountID            string      `json:"accountId"`
	IID                  string      `json:"iid,omitempty"`
	TimeoutSeconds       int32       `json:"timeoutSeconds"`
	CredentialsSecretRef Reference   `json:"credentialsSecretRef"`
	JWT                  JWTSettings `json:"jwt"`
}

type JWTSettings struct {
	Algorithm  string `json:"algorithm"`
	Subject    string `json:"subject"`
	TTLSeconds int32  `json:"ttlSeconds"`
}

type KoreConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []KoreConnection `json:"items"`
}

func (in *VoiceCampaign) DeepCopyInto(out *VoiceCampaign) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	in.Status.DeepCopyInto(&out.Status)
}

func (in *VoiceCampaign) DeepCopy() *VoiceCampaign {
	out := new(VoiceCampaign)
	in.DeepCopyInto(out)
	return out
}

func (in *VoiceCampaign) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *VoiceCampaignStatus) DeepCopyInto(out *VoiceCampaignStatus) {
	*out = *in
	if in.Conditions != nil {
		out.Conditions = make([]metav1.Condition, len(in.Conditions))
		copy(out.Conditions, in.Conditions)
	}
	out.Campaign = in.Campaign.DeepCopy()
}

func (in *VoiceCampaignList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]VoiceCampaign, len(in.Items))
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return &out
}

func (in *KoreConnection) DeepCopyInto(out *KoreConnection) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
}

func (in *KoreConnection) DeepCopyObject() runtime.Object {
	out := new(KoreConnection)
	in.DeepCopyInto(out)
	return out
}

func (in *KoreConnectionList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]KoreConnection, len(in.Items))
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return &out
}
