// npm oidc-provider with CIBA poll and a route that approves; prints its port.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

// Its own in-memory adapter forgets beyond 1 000 entries; a plain map keeps them all.
const kept = new Map();
class MapAdapter {
  constructor(name) { this.name = name; }
  async upsert(id, payload) { kept.set(this.name + id, payload); }
  async find(id) { return kept.get(this.name + id); }
  async consume(id) { kept.get(this.name + id).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { kept.delete(this.name + id); }
  async revokeByGrantId() {}
}
const port = Number(process.argv[2]);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: MapAdapter,
  clients: [{ client_id: 'basic', client_secret: process.argv[3], grant_types: ['urn:openid:params:grant-type:ciba', 'refresh_token'],
    response_types: [], redirect_uris: [], backchannel_token_delivery_mode: 'poll' }],
  features: { devInteractions: { enabled: false }, ciba: { enabled: true, deliveryModes: ['poll'],
    processLoginHint: (ctx, hint) => hint, processLoginHintToken: () => undefined,
    validateRequestContext: () => undefined, validateBindingMessage: () => undefined,
    verifyUserCode: () => undefined, triggerAuthenticationDevice: () => undefined } },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
});
const handle = provider.callback();
createServer(async (req, res) => {
  if (!req.url.startsWith('/approve/')) return handle(req, res);
  req.resume();
  const found = await provider.BackchannelAuthenticationRequest.find(req.url.slice(9));
  const grant = new provider.Grant({ accountId: found.accountId, clientId: 'basic' });
  grant.addOIDCScope('openid');
  await grant.save();
  await provider.backchannelResult(found, grant);
  res.writeHead(204).end();
}).listen(port, '127.0.0.1', () => console.log(port));
