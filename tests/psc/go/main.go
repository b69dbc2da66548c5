// Relying parties that others wrote, against the emulator: `relying LIBRARY ISSUER CLIENT SECRET
// CALLBACK PERSON`; the telephone approves at once. Prints what each learnt, as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

var scopes = []string{"openid", "scope_all"}

type asked struct{ issuer, client, secret, callback, person string }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// visit goes where a browser is sent, and returns the code that comes back.
func visit(address string) string {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := browser.Get(address)
	must(err)
	back, err := url.Parse(answer.Header.Get("Location"))
	must(err)
	if back.Query().Get("state") != "s1" {
		must(fmt.Errorf("%d %s", answer.StatusCode, back))
	}
	return back.Query().Get("code")
}

func withGoOidc(ctx context.Context, a asked) map[string]any {
	provider, err := goidc.NewProvider(ctx, a.issuer)
	must(err)
	config := oauth2.Config{ClientID: a.client, ClientSecret: a.secret,
		Endpoint: provider.Endpoint(), RedirectURL: a.callback, Scopes: scopes}
	verifier := oauth2.GenerateVerifier()
	code := visit(config.AuthCodeURL("s1", goidc.Nonce("n1"), oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("login_hint", a.person)))
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	must(err)
	raw, _ := token.Extra("id_token").(string)
	identity, err := provider.Verifier(&goidc.Config{ClientID: a.client}).Verify(ctx, raw)
	must(err)
	if identity.AccessTokenHash != "" {
		must(identity.VerifyAccessToken(token.AccessToken))
	}
	user, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	must(err)
	claims := map[string]any{}
	must(user.Claims(&claims))
	fresh, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	must(err)
	return map[string]any{"subject": identity.Subject == user.Subject, "nonce": identity.Nonce,
		"person": claims["SubjectNameID"], "refreshed": fresh.AccessToken != token.AccessToken}
}

func withZitadel(ctx context.Context, a asked) map[string]any {
	party, err := rp.NewRelyingPartyOIDC(ctx, a.issuer, a.client, a.secret, a.callback, scopes)
	must(err)
	verifier := oauth2.GenerateVerifier()
	code := visit(rp.AuthURL("s1", party, rp.WithCodeChallenge(oidc.NewSHACodeChallenge(verifier)),
		func() []oauth2.AuthCodeOption {
			return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("login_hint", a.person)}
		}))
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, code, party, rp.WithCodeVerifier(verifier))
	must(err)
	user, err := rp.Userinfo[*oidc.UserInfo](
		ctx, tokens.AccessToken, tokens.TokenType, tokens.IDTokenClaims.Subject, party)
	must(err)
	fresh, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
	must(err)
	server, err := rs.NewResourceServerClientCredentials(ctx, a.issuer, a.client, a.secret)
	must(err)
	active := func(token string) bool {
		told, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, server, token)
		must(err)
		return told.Active
	}
	before := active(fresh.AccessToken)
	must(rp.RevokeToken(ctx, party, fresh.AccessToken, "access_token"))
	back, err := rp.EndSession(ctx, party, tokens.IDToken, a.callback, "s2", "", nil)
	must(err)
	return map[string]any{"subject": tokens.IDTokenClaims.Subject == user.Subject,
		"person": user.Claims["SubjectNameID"],
		"refreshed": fresh.AccessToken != tokens.AccessToken, "before": before,
		"after": active(fresh.AccessToken), "back": back.String()}
}

func main() {
	w := os.Args[1:]
	a := asked{w[1], w[2], w[3], w[4], w[5]}
	run := map[string]func(context.Context, asked) map[string]any{
		"go-oidc": withGoOidc, "zitadel": withZitadel}[w[0]]
	must(json.NewEncoder(os.Stdout).Encode(run(context.Background(), a)))
}
