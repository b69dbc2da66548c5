// imapflow: log in, open the inbox.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const { ImapFlow } = createRequire(process.env.NODE_FOLDER + "/")("imapflow");

const { env } = process;
const tls = { ca: readFileSync(env.CA) };
if (env.CERT) Object.assign(tls, { cert: readFileSync(env.CERT), key: readFileSync(env.KEY) });
const secure = env.TLS === "implicit";
const auth = { user: env.ME };
if (env.MECHANISM === "PLAIN") auth.pass = env.SECRET;
if (env.MECHANISM.endsWith("OAUTH2") || env.MECHANISM === "OAUTHBEARER")
  Object.assign(auth, { accessToken: env.SECRET });
if (env.MECHANISM === "EXTERNAL") auth.loginMethod = "AUTH=EXTERNAL";
for (let turn = 0; turn < Number(env.TIMES); turn++) {
  const settings = { host: env.HOST, port: Number(env.PORT), secure, tls, logger: false };
  if (!secure) settings.doSTARTTLS = true;
  if (env.MECHANISM !== "NONE") settings.auth = auth;
  const client = new ImapFlow(settings);
  await client.connect();
  await client.mailboxOpen("INBOX");
  await client.logout();
}
