// An operator in Java: SubEtha SMTP takes mail, Jakarta Mail relays it, GreenMail keeps and shows it.
// It joins a space: java -cp 'JARS/*' Operator.java out/space/space.json NAME
import com.icegreen.greenmail.util.*;
import jakarta.mail.*;
import jakarta.mail.internet.*;
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import javax.naming.directory.*;
import javax.net.ssl.*;
import org.eclipse.angus.mail.smtp.SMTPMessage;
import org.eclipse.angus.mail.smtp.SMTPTransport;
import org.json.JSONObject;
import org.subethamail.smtp.*;
import org.subethamail.smtp.MessageContext;
import org.subethamail.smtp.auth.*;
import org.subethamail.smtp.server.SMTPServer;

public class Operator {
  static final String PASSWORD = "a password of a test"; // of every mailbox, within TLS
  static final int SIZE = 25 << 20; // bytes of a message
  static final char[] STORE = "of a file that is gone at the end".toCharArray();

  final JSONObject sheet, own;
  final String domain;
  final GreenMail boxes;
  final Session session;

  Operator(JSONObject sheet, JSONObject own) throws Exception {
    this.sheet = sheet;
    this.own = own;
    domain = own.getString("domain");
    Properties settings = new Properties();
    settings.put("mail.smtp.localhost", mx().getString("host"));
    settings.put("mail.smtp.starttls.required", "true");
    settings.put("mail.smtp.ssl.checkserveridentity", "true");
    settings.put("mail.smtp.ssl.socketFactory", tls("relay").getSocketFactory());
    session = Session.getInstance(settings);
    boxes = new GreenMail(new ServerSetup(service("imaps"), mx().getString("address"), "imaps"));
  }

  JSONObject mx() {
    return own.getJSONObject("mx");
  }

  int service(String name) {
    return own.getJSONObject("services").getInt(name);
  }

  /** Return one of its certificates, with its chain and its key. */
  KeyStore certificate(String name) throws Exception {
    JSONObject pair = own.getJSONObject("certificates").getJSONObject(name);
    String pem = Files.readString(Path.of(pair.getString("key")));
    byte[] key = Base64.getMimeDecoder().decode(pem.replaceAll("-----[^-]*-----", ""));
    var chain = certificates(pair.getString("certificate"));
    String kind = chain.get(0).getPublicKey().getAlgorithm();
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry(
        name,
        KeyFactory.getInstance(kind).generatePrivate(new java.security.spec.PKCS8EncodedKeySpec(key)),
        STORE, chain.toArray(new java.security.cert.Certificate[0]));
    return store;
  }

  static List<java.security.cert.Certificate> certificates(String file) throws Exception {
    try (InputStream input = new FileInputStream(file)) {
      return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(input));
    }
  }

  /** Return TLS with one of its certificates, that trusts the space's authorities alone. */
  SSLContext tls(String name) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(certificate(name), STORE);
    KeyStore roots = KeyStore.getInstance("PKCS12");
    roots.load(null, null);
    for (var each : certificates(sheet.getJSONObject("ca").getString("roots"))) {
      roots.setCertificateEntry("root-" + roots.size(), each);
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(roots);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  /** Ask the name server of the space. */
  String lookup(String name, String type) throws Exception {
    JSONObject dns = sheet.getJSONObject("dns");
    var where = new Hashtable<String, String>();
    where.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
    where.put("java.naming.provider.url", "dns://" + dns.getString("address") + ":" + dns.getInt("port"));
    String[] words = new InitialDirContext(where).getAttributes(name, new String[] {type})
        .get(type).get().toString().split(" ");
    return words[words.length - 1].replaceAll("\\.$", "");
  }

  boolean within(String address) {
    return address.toLowerCase(Locale.ROOT).endsWith("@" + domain);
  }

  boolean has(String address) {
    return boxes.getUserManager().getUserByEmail(address.toLowerCase(Locale.ROOT)) != null;
  }

  void deliver(String address, byte[] content) throws Exception {
    boxes.getUserManager().getUserByEmail(address.toLowerCase(Locale.ROOT))
        .deliver(new MimeMessage(session, new ByteArrayInputStream(content)));
  }

  /** Hand a message on to the operator of its recipient, over mutual TLS. */
  void relay(String sender, String recipient, byte[] content) throws Exception {
    String host = lookup(recipient.substring(recipient.lastIndexOf('@') + 1), "MX");
    byte[] address = InetAddress.getByName(lookup(host, "A")).getAddress();
    // The socket has the name that the other's certificate has to carry.
    Socket socket = new Socket(InetAddress.getByAddress(host, address), mx().getInt("port"));
    SMTPMessage message = new SMTPMessage(session, new ByteArrayInputStream(content));
    message.setEnvelopeFrom(sender);
    try (SMTPTransport transport = (SMTPTransport) session.getTransport("smtp")) {
      transport.connect(socket);
      transport.sendMessage(message, new Address[] {new InternetAddress(recipient)});
    }
  }

  /** One message; who submits has logged in, who relays has shown a certificate. */
  class Handler implements MessageHandler {
    final MessageContext context;
    final List<String> recipients = new ArrayList<>();
    String sender;

    Handler(MessageContext context) {
      this.context = context;
    }

    Optional<String> login() {
      return context.getAuthenticationHandler().map(each -> each.getIdentity().toString());
    }

    @Override
    public void from(String address) throws RejectException {
      if (login().isPresent() ? !login().get().equalsIgnoreCase(address) : within(address)) {
        throw new RejectException(550, "5.7.1 Not your address");
      }
      sender = address;
    }

    @Override
    public void recipient(String address) throws RejectException {
      if (within(address) ? !has(address) : login().isEmpty()) {
        throw new RejectException(550, "5.1.1 No such mailbox");
      }
      recipients.add(address);
    }

    @Override
    public String data(InputStream input) throws RejectException, IOException {
      byte[] content = input.readNBytes(SIZE + 1);
      if (content.length > SIZE) throw new TooMuchDataException();
      try {
        for (String each : recipients) {
          if (within(each)) deliver(each, content);
          else relay(sender, each, content);
        }
      } catch (Exception error) {
        throw new RejectException(554, "5.4.0 " + error);
      }
      return null;
    }

    @Override
    public void done() {}
  }

  SMTPServer.Builder smtp(String host, int port) throws Exception {
    return SMTPServer.port(port).bindAddress(InetAddress.getByName(mx().getString("address")))
        .hostName(host).requireTLS().maxMessageSize(SIZE)
        .messageHandlerFactory(Handler::new);
  }

  void serve() throws Exception {
    File store = File.createTempFile("operator", ".p12");
    try (OutputStream output = new FileOutputStream(store)) {
      certificate("mail").store(output, STORE);
      for (String name : List.of("keystore.password", "key.password")) {
        System.setProperty("greenmail.tls." + name, new String(STORE));
      }
      System.setProperty("greenmail.tls.keystore.file", store.getPath());
      boxes.start();
    } finally {
      store.delete();
    }
    for (Object each : own.getJSONArray("mailboxes")) {
      boxes.setUser(each.toString(), each.toString(), PASSWORD);
    }
    boxes.setUser("postmaster@" + domain, PASSWORD);
    smtp(mx().getString("host"), mx().getInt("port"))
        .startTlsSocketFactory(tls("relay"), true).build().start();
    UsernamePasswordValidator validator = (name, password, context) -> {
      if (!boxes.getUserManager().test(name, password)) throw new LoginFailedException();
    };
    smtp(own.getString("mail"), service("submission")).startTlsSocketFactory(tls("mail"))
        .requireAuth().authenticationHandlerFactory(new EasyAuthenticationHandlerFactory(validator))
        .build().start();
    System.out.println("ready");
  }

  public static void main(String[] arguments) throws Exception {
    System.setProperty("com.sun.net.ssl.checkRevocation", "true");
    System.setProperty("com.sun.security.enableCRLDP", "true"); // where there is no OCSP
    Security.setProperty("ocsp.enable", "true");
    JSONObject sheet = new JSONObject(Files.readString(Path.of(arguments[0])));
    for (Object each : sheet.getJSONArray("joined")) {
      JSONObject own = (JSONObject) each;
      if (own.getString("name").equals(arguments[1])) new Operator(sheet, own).serve();
    }
  }
}
