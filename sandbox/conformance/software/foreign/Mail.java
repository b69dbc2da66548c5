// Jakarta Mail (Angus): log in, open the inbox or send a message.
import jakarta.mail.*;
import jakarta.mail.internet.*;
import java.io.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import javax.net.ssl.*;
import javax.security.sasl.Sasl;

public class Mail {
  static final Map<String, String> ENV = System.getenv();

  public static void main(String[] arguments) throws Exception {
    boolean implicit = ENV.get("TLS").equals("implicit");
    String protocol = ENV.get("PROTOCOL") + (implicit ? "s" : "");
    String mechanism = ENV.get("MECHANISM"), prefix = "mail." + protocol + ".";
    Properties settings = new Properties();
    settings.put(prefix + "ssl.socketFactory", tls().getSocketFactory());
    settings.put(prefix + "ssl.checkserveridentity", "true");
    settings.put(prefix + "starttls.enable", String.valueOf(!implicit));
    settings.put(prefix + "starttls.required", String.valueOf(!implicit));
    settings.put(prefix + "auth", mechanism.equals("NONE") ? "false" : "true");
    if (mechanism.equals("EXTERNAL") || mechanism.equals("OAUTHBEARER")) {
      settings.put(prefix + "sasl.enable", "true");
      settings.put(prefix + "sasl.mechanisms", mechanism);
      settings.put(prefix + "sasl.authorizationid", ENV.get("ME"));
      // It gives a token to whatever comes next, LOGIN too, where it knows no such mechanism.
      org.eclipse.angus.mail.auth.OAuth2SaslClientFactory.init();
      if (Sasl.createSaslClient(new String[] {mechanism}, "", "", "", null, null) == null)
        throw new Exception("unknown to SASL here: " + mechanism);
      settings.put(prefix + "auth.login.disable", "true");
      settings.put(prefix + "auth.plain.disable", "true");
    } else if (!mechanism.equals("NONE")) {
      settings.put(prefix + "auth.mechanisms", mechanism);
    }
    if (ENV.containsKey("NOTIFY")) settings.put(prefix + "dsn.notify", ENV.get("NOTIFY"));
    Session session = Session.getInstance(settings);
    int port = Integer.parseInt(ENV.get("PORT"));
    boolean alone = mechanism.equals("NONE"); // who is given a name and a password uses them
    String user = alone ? null : ENV.get("ME"), secret = alone ? null : ENV.get("SECRET");
    for (int turn = 0; turn < Integer.parseInt(ENV.get("TIMES")); turn++) {
      if (protocol.startsWith("imap")) {
        try (Store store = session.getStore(protocol)) {
          store.connect(ENV.get("HOST"), port, ENV.get("ME"), alone ? "-" : secret);
          Folder inbox = store.getFolder("INBOX");
          inbox.open(Folder.READ_ONLY);
          if (ENV.containsKey("READ") && inbox.getMessageCount() > 0) {
            inbox.getMessage(inbox.getMessageCount()).getContent();
          }
          inbox.close();
        }
      } else {
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress(ENV.get("FROM"), ENV.get("NAME"), "UTF-8"));
        message.setRecipients(Message.RecipientType.TO, ENV.get("TO"));
        message.setSubject(ENV.get("SUBJECT"), "UTF-8");
        message.setSentDate(new Date());
        String text = ENV.getOrDefault("TEXT", "Bonjour.");
        if (ENV.containsKey("ATTACHMENT")) {
          MimeBodyPart words = new MimeBodyPart(), file = new MimeBodyPart();
          words.setText(text, "UTF-8");
          file.attachFile(ENV.get("ATTACHMENT"));
          message.setContent(new MimeMultipart(words, file));
        } else {
          message.setText(text, "UTF-8");
        }
        if (ENV.containsKey("IN_REPLY_TO")) message.setHeader("In-Reply-To", ENV.get("IN_REPLY_TO"));
        if (ENV.containsKey("END")) message.setHeader("X-MSS-MES", "FIN");
        try (Transport transport = session.getTransport(protocol)) {
          transport.connect(ENV.get("HOST"), port, user, secret);
          transport.sendMessage(message, message.getAllRecipients());
        }
      }
    }
  }

  static SSLContext tls() throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (InputStream file = new FileInputStream(ENV.get("CA"))) {
      int number = 0;
      for (var each : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
        trusted.setCertificateEntry("authority-" + number++, each);
      }
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    KeyManager[] keys = null;
    if (!ENV.get("P12").isEmpty()) {
      KeyStore card = KeyStore.getInstance("PKCS12");
      char[] pin = ENV.get("PIN").toCharArray();
      try (InputStream file = new FileInputStream(ENV.get("P12"))) {
        card.load(file, pin);
      }
      KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
      factory.init(card, pin);
      keys = factory.getKeyManagers();
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust.getTrustManagers(), null);
    return context;
  }
}
