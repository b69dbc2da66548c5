// A client that we did not write (npm openid-client) goes through every flow; prints JSON.
import * as client from 'openid-client';

const [issuer, origin, id, secret, person, held] = process.argv.slice(2);
const config = await client.discovery(new URL(issuer), id, { id_token_signed_response_alg: 'RS256' },
  client.ClientSecretBasic(secret));
const control = (path, body) => fetch(origin + path, {
  method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${held}` }, body: JSON.stringify(body) });
const out = { modes: config.serverMetadata().backchannel_token_delivery_modes_supported };

// CIBA, poll: start, approve after the first pending, poll to the end.
const started = await client.initiateBackchannelAuthentication(config, {
  scope: 'openid scope_all', login_hint: person, binding_message: '42' });
out.interval = started.interval;
setTimeout(() => control('/sandbox/decide', { national_id: person, decision: 'approve' }), 300);
const tokens = await client.pollBackchannelAuthenticationGrant(config, started);
out.acr = tokens.claims().acr;
out.userinfo = (await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).SubjectNameID;
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
out.refreshed = refreshed.claims().sub === tokens.claims().sub;
out.active = (await client.tokenIntrospection(config, refreshed.access_token)).active;
await client.tokenRevocation(config, refreshed.refresh_token);
out.revoked = (await client.tokenIntrospection(config, refreshed.access_token)).active;

// CIBA, refused.
const second = await client.initiateBackchannelAuthentication(config, { scope: 'openid', login_hint: person });
await control('/sandbox/decide', { national_id: person, decision: 'refuse' });
out.refused = await client.pollBackchannelAuthenticationGrant(config, second).catch((e) => e.error);

// Code with PKCE, through PAR; the phone approves at once.
await control('/sandbox/behaviour', { national_id: person, kind: 'approve' });
const verifier = client.randomPKCECodeVerifier();
const nonce = client.randomNonce();
const state = client.randomState();
const url = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: 'https://localhost/callback', scope: 'openid scope_all', login_hint: person, nonce, state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
const back = await fetch(url, { redirect: 'manual' });
const code = await client.authorizationCodeGrant(config, new URL(back.headers.get('location')), {
  pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state });
out.code = code.claims().preferred_username;

// What it does with misbehaviour.
await control('/sandbox/behaviour', { national_id: person, kind: 'manual' });
out.survived = {};
const faulty = async (fault, members) => {
  await fetch(`${origin}/sandbox/faults`, { method: 'DELETE', headers: { authorization: `Bearer ${held}` } });
  await control('/sandbox/behaviour', { national_id: person, kind: 'approve' });
  await control('/sandbox/faults', { fault, point: 'token', ...members });
  const begun = await client.initiateBackchannelAuthentication(config, { scope: 'openid', login_hint: person });
  return client.pollBackchannelAuthenticationGrant(config, begun, {}, { signal: AbortSignal.timeout(9000) })
    .then(() => 'accepted', (e) => 'refused');
};
for (const fault of ['id_wrong_iss', 'id_wrong_aud', 'id_missing_exp', 'id_expired', 'id_alg_none',
  'missing_access_token', 'missing_token_type', 'not_json', 'expired_token'])
  out.survived[fault] = await faulty(fault, {});
out.survived.unknown_members = await faulty('unknown_members', {});
out.survived.authorization_pending = await faulty('authorization_pending', { nth: 1 });
console.log(JSON.stringify(out));
process.exit(0);
