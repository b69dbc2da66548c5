# Perl: Mail::IMAPClient and Net::SMTP over IO::Socket::SSL.
use strict; use warnings;
use IO::Socket::SSL;
use MIME::Base64 qw(encode_base64);
my ($me, $secret, $mechanism) = @ENV{qw(ME SECRET MECHANISM)};
my @tls = (SSL_ca_file => $ENV{CA}, SSL_verifycn_scheme => "default",
    SSL_verifycn_name => $ENV{HOST}, SSL_hostname => $ENV{HOST});
push @tls, (SSL_cert_file => $ENV{CERT}, SSL_key_file => $ENV{KEY}) if $ENV{CERT};
my $implicit = $ENV{TLS} eq "implicit";
my %said = (
    EXTERNAL => $me,
    XOAUTH2 => "user=$me\x01auth=Bearer $secret\x01\x01",
    OAUTHBEARER => "n,a=$me,\x01auth=Bearer $secret\x01\x01",
);
for (1 .. $ENV{TIMES}) {
    if ($ENV{PROTOCOL} eq "imap") {
        require Mail::IMAPClient;
        my $imap = Mail::IMAPClient->new(
            Server => $ENV{HOST}, Port => $ENV{PORT}, ($implicit ? "Ssl" : "Starttls") => [@tls], Uid => 1,
        ) or die "no connection: $@";
        if ($mechanism eq "PLAIN") {
            $imap->User($me); $imap->Password($secret);
            $imap->login or die $imap->LastError;
        } elsif ($mechanism ne "NONE") {
            $imap->authenticate($mechanism, sub { encode_base64($said{$mechanism}, "") })
                or die $imap->LastError;
        }
        $imap->select("INBOX") or die $imap->LastError // "not selected";
        $imap->logout;
    } else {
        require Net::SMTP;
        my @begin = $implicit ? (SSL => 1, @tls) : ();
        my $smtp = Net::SMTP->new($ENV{HOST}, Port => $ENV{PORT}, @begin)
            or die "no connection: $@";
        $implicit or $smtp->starttls(@tls) or die "no STARTTLS: " . $smtp->message;
        if ($mechanism ne "NONE") {
            require Authen::SASL;
            my $sasl = Authen::SASL->new(
                mechanism => $mechanism,
                callback => { user => $me, pass => $secret, authname => "" });
            $smtp->auth($sasl) or die "refused or not known: " . $smtp->message;
        }
        $smtp->mail($ENV{FROM}) or die $smtp->message;
        $smtp->to($ENV{TO}) or die $smtp->message;
        $smtp->data($ENV{MESSAGE}) or die $smtp->message;
        $smtp->quit;
    }
}
