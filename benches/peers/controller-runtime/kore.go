package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Kore calls the campaign API. It follows no redirect, which would forward the token.
type Kore struct {
	client http.Client
}

func NewKore() *Kore {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// By default, two connections are kept; the others would be made anew for each call.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	return &Kore{client: http.Client{CheckRedirect: stay, Transport: transport}}
}

// Delete deletes a campaign, and returns it as Kore returned it; nil if there is no such campaign.
func (k *Kore) Delete(
	ctx context.Context,
	connection KoreConnectionSpec,
	secret *corev1.Secret,
	campaign VoiceCampaignSpec,
) (*apiextensionsv1.JSON, error) {
	token, err := sign(connection.JWT, secret)
	if err != nil {
		return nil, fmt.Errorf("failed to sign the token: %w", err)
	}
	stream, id := url.PathEscape(campaign.StreamID), url.PathEscape(campaign.CampaignID)
	address, err := url.JoinPath(connection.Host, "campaign/api/v2/public", stream, "campaign", id)
	if err != nil {
		return nil, err
	}
	query := url.Values{"accountId": {connection.AccountID}, "campaignType": {"voice"}}

	ctx, cancel := context.WithTimeout(ctx, time.Duration(connection.TimeoutSeconds)*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, address+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	iid := connection.IID
	if iid == "" {
		iid = campaign.StreamID
	}
	request.Header.Set("auth", token)
	request.Header.Set("accountid", connection.AccountID)
	request.Header.Set("iid", iid)

	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("Kore answered the DELETE with %s", response.Status)
	}
	return deleted(body, campaign.CampaignID)
}

// deleted returns the campaign in an answer that confirms its deletion.
func deleted(body []byte, id string) (*apiextensionsv1.JSON, error) {
	var answer struct {
		Status string         `json:"status"`
		Data   map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("failed to read the answer of Kore: %w", err)
	}
	if answer.Status != "success" || answer.Data["_id"] != id {
		return nil, fmt.Errorf("Kore did not confirm that it deleted campaign %s", id)
	}
	// The status has the identifier under another name.
	delete(answer.Data, "_id")
	answer.Data["id"] = id
	raw, err := json.Marshal(answer.Data)
	return &apiextensionsv1.JSON{Raw: raw}, err
}

// sign makes a token for one request. Clocks up to a minute off ours accept it, and it lasts an hour at most.
func sign(settings JWTSettings, secret *corev1.Secret) (string, error) {
	id, key := secret.Data["clientId"], secret.Data["clientSecret"]
	if len(id) == 0 || len(key) == 0 {
		return "", fmt.Errorf("Secret %s lacks clientId or clientSecret", secret.Name)
	}
	method := jwt.GetSigningMethod(settings.Algorithm)
	if method == nil {
		return "", fmt.Errorf("unknown algorithm %q", settings.Algorithm)
	}
	now := time.Now()
	ahead := min(time.Duration(settings.TTLSeconds)*time.Second+time.Minute, 59*time.Minute)
	return jwt.NewWithClaims(method, jwt.MapClaims{
		"sub":   settings.Subject,
		"appId": string(id),
		"iat":   now.Add(-time.Minute).Unix(),
		"exp":   now.Add(ahead).Unix(),
		"jti":   uuid.NewString(),
	}).SignedString(key)
}
