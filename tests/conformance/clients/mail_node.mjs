// imapflow and nodemailer as mail software: a script for `mss-sandbox check client`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const wanted = createRequire(process.env.NODE_FOLDER + "/");
const { ImapFlow } = wanted("imapflow");
const nodemailer = wanted("nodemailer");

const needs = JSON.parse(process.env.MSS_STEP);
if (!needs.imap) process.exit(77); // it finds no server by itself
const { account } = needs;
const tls = { ca: readFileSync(needs.trust) };
const auth = { user: account.username, pass: account.password };
const place = at => ({ host: at.host, port: at.port, secure: at.tls === "implicit", tls, auth });
const asked = needs.message;

if (process.argv[2] === "receive") {
  const settings = { ...place(needs.imap), logger: false };
  if (!settings.secure) settings.doSTARTTLS = true;
  const reader = new ImapFlow(settings);
  reader.on("error", () => {});
  await reader.connect();
  const { exists } = await reader.mailboxOpen("INBOX");
  if (exists) await reader.fetchOne(String(exists), { source: true });
  await reader.logout();
} else {
  const sender = nodemailer.createTransport({ ...place(needs.smtp), requireTLS: true });
  const message = {
    from: { name: "Dr Anne Essai", address: asked.from }, to: asked.to, subject: asked.subject,
    text: asked.text, inReplyTo: asked.in_reply_to,
  };
  if (asked.notify)
    message.dsn = { id: "avis", return: "headers", notify: ["success", "failure"],
      recipient: asked.from };
  if (asked.end_of_exchange) message.headers = { "X-MSS-MES": "FIN" };
  if (asked.attachment) message.attachments = [{ path: asked.attachment }];
  await sender.sendMail(message);
  sender.close();
}
