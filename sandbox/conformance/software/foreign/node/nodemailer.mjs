// nodemailer: send a message.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const nodemailer = createRequire(process.env.NODE_FOLDER + "/")("nodemailer");

const { env } = process;
const tls = { ca: readFileSync(env.CA) };
if (env.CERT) Object.assign(tls, { cert: readFileSync(env.CERT), key: readFileSync(env.KEY) });
const said = {
  EXTERNAL: env.ME,
  OAUTHBEARER: `n,a=${env.ME},\x01auth=Bearer ${env.SECRET}\x01\x01`,
};
const auths = {
  PLAIN: { user: env.ME, pass: env.SECRET },
  XOAUTH2: { type: "OAuth2", user: env.ME, accessToken: env.SECRET },
};
for (const method of Object.keys(said)) auths[method] = { type: "custom", method, user: env.ME };
const own = async context => {
  const method = context.auth.method || env.MECHANISM;
  const words = Buffer.from(said[method]).toString("base64");
  const answer = await context.sendCommand(`AUTH ${method} ${words}`);
  if (answer.status !== 235) throw new Error(answer.text);
};
const customAuth = { EXTERNAL: own, OAUTHBEARER: own };
const secure = env.TLS === "implicit";
const settings = { host: env.HOST, port: Number(env.PORT), secure, requireTLS: !secure, tls,
  customAuth };
if (env.MECHANISM !== "NONE") settings.auth = auths[env.MECHANISM];
for (let turn = 0; turn < Number(env.TIMES); turn++) {
  const transport = nodemailer.createTransport(settings);
  await transport.sendMail(
    { from: env.FROM, to: env.TO, subject: env.SUBJECT, text: "Bonjour." });
  transport.close();
}
