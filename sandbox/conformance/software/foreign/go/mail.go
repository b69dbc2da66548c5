// Go: go-imap and net/smtp, with the mechanisms of go-sasl.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"strconv"

	"github.com/emersion/go-imap/client"
	"github.com/emersion/go-sasl"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A mechanism that says one thing: both libraries take any.
type xoauth2 struct{ user, token string }

func (a xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + a.user + "\x01auth=Bearer " + a.token + "\x01\x01"), nil
}

func (a xoauth2) Next([]byte) ([]byte, error) { return nil, nil }

// A mechanism of go-sasl for net/smtp.
type adapted struct{ sasl.Client }

func (a adapted) Start(*smtp.ServerInfo) (string, []byte, error) { return a.Client.Start() }

func (a adapted) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	return a.Client.Next(challenge)
}

func mechanism() sasl.Client {
	me, secret := os.Getenv("ME"), os.Getenv("SECRET")
	switch os.Getenv("MECHANISM") {
	case "PLAIN":
		return sasl.NewPlainClient("", me, secret)
	case "EXTERNAL":
		return sasl.NewExternalClient(me)
	case "OAUTHBEARER":
		return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: me, Token: secret})
	case "XOAUTH2":
		return xoauth2{me, secret}
	}
	return nil
}

func opened(place string, config *tls.Config, implicit bool) (*client.Client, error) {
	if implicit {
		return client.DialTLS(place, config)
	}
	session, err := client.Dial(place)
	if err != nil {
		return nil, err
	}
	return session, session.StartTLS(config)
}

func connected(place string, config *tls.Config, implicit bool) (net.Conn, error) {
	if implicit {
		return tls.Dial("tcp", place, config)
	}
	return net.Dial("tcp", place)
}

func main() {
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: os.Getenv("HOST")}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	authorities, err := os.ReadFile(os.Getenv("CA"))
	must(err)
	config.RootCAs.AppendCertsFromPEM(authorities)
	if os.Getenv("CERT") != "" {
		card, err := tls.LoadX509KeyPair(os.Getenv("CERT"), os.Getenv("KEY"))
		must(err)
		config.Certificates = []tls.Certificate{card}
	}
	place := os.Getenv("ADDRESS") + ":" + os.Getenv("PORT")
	implicit := os.Getenv("TLS") != "starttls"
	times, _ := strconv.Atoi(os.Getenv("TIMES"))
	for ; times > 0; times-- {
		if os.Getenv("PROTOCOL") == "imap" {
			session, err := opened(place, config, implicit)
			must(err)
			if auth := mechanism(); auth != nil {
				must(session.Authenticate(auth))
			}
			_, err = session.Select("INBOX", true)
			must(err)
			must(session.Logout())
			continue
		}
		connection, err := connected(place, config, implicit)
		must(err)
		session, err := smtp.NewClient(connection, os.Getenv("HOST"))
		must(err)
		if !implicit {
			must(session.StartTLS(config))
		}
		if auth := mechanism(); auth != nil {
			must(session.Auth(adapted{auth}))
		}
		must(session.Mail(os.Getenv("FROM")))
		must(session.Rcpt(os.Getenv("TO")))
		data, err := session.Data()
		must(err)
		_, err = data.Write([]byte(os.Getenv("MESSAGE")))
		must(err)
		must(data.Close())
		must(session.Quit())
	}
}
