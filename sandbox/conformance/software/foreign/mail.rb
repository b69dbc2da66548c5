# Ruby: net-imap and net-smtp.
require "net/imap"
require "net/smtp"
me, secret, mechanism = ENV.values_at("ME", "SECRET", "MECHANISM")
# Mechanisms of one's own: net-imap takes any, net-smtp has a fixed list.
{
  "EXTERNAL" => ->(user, _) { user },
  "XOAUTH2" => ->(user, token) { "user=#{user}\x01auth=Bearer #{token}\x01\x01" },
  "OAUTHBEARER" => ->(user, token) { "n,a=#{user},\x01auth=Bearer #{token}\x01\x01" },
}.each do |name, text|
  mechanism_of_ours = Class.new do
    define_method(:initialize) { |user, token| @said = text.call(user, token) }
    define_method(:process) { |_challenge| @said }
  end
  Net::IMAP.add_authenticator(name, mechanism_of_ours)
end
implicit = ENV["TLS"] == "implicit"
tls = { ca_file: ENV["CA"], verify_mode: OpenSSL::SSL::VERIFY_PEER }
unless ENV["CERT"].empty?
  chain = OpenSSL::X509::Certificate.load_file(ENV["CERT"])
  tls[:cert] = chain.first
  tls[:extra_chain_cert] = chain.drop(1)
  tls[:key] = OpenSSL::PKey.read(File.read(ENV["KEY"]))
end
ENV["TIMES"].to_i.times do
  if ENV["PROTOCOL"] == "imap"
    imap = Net::IMAP.new(ENV["HOST"], port: ENV["PORT"].to_i, ssl: implicit && tls)
    imap.starttls(tls) unless implicit
    imap.authenticate(mechanism, me, secret) unless mechanism == "NONE"
    imap.select("INBOX")
    imap.logout
    imap.disconnect
  else
    smtp = Net::SMTP.new(ENV["HOST"], ENV["PORT"].to_i)
    context = OpenSSL::SSL::SSLContext.new
    context.set_params(tls)
    implicit ? smtp.enable_tls(context) : smtp.enable_starttls(context)
    login = mechanism == "NONE" ? [] : [me, secret, mechanism.downcase.to_sym]
    smtp.start("client.mssante.test", *login) do |session|
      session.send_message(ENV["MESSAGE"], ENV["FROM"], ENV["TO"])
    end
  end
end
