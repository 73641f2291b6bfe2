// Command dashboard-stand-in takes the place of the Kubernetes Dashboard where its images cannot be had.
//
// It serves what a test of Service, NodePort, access rules and login token needs: TLS on port 8443, and the API
// server's answers under /api/ for callers with a token of their own. It takes the Dashboard's flags and ignores
// them. With the argument metrics-scraper it answers on port 8000 instead, as the Dashboard's second image does.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	apiServer = "https://kubernetes.default.svc"
	authority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	page      = `<!doctype html>
<html lang="en"><title>Stand-in for the Kubernetes Dashboard</title>
<h1>Stand-in for the Kubernetes Dashboard</h1>
<p>This is not the Kubernetes Dashboard, whose images cannot be reached from here. It shows that its address, its
access rules and your login token work: <code>curl -k -H "Authorization: Bearer TOKEN" https://ADDRESS/api/v1/nodes</code>
</html>
`
)

func main() {
	if slices.Contains(os.Args[1:], "metrics-scraper") {
		log.Fatal(server(":8000", http.HandlerFunc(healthy)).ListenAndServe())
	}
	log.Fatal(serveDashboard())
}

func serveDashboard() error {
	proxy, err := apiProxy()
	if err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/{$}", showPage)
	routes.Handle("/api/", withToken(proxy))
	dashboard := server(":8443", routes)
	dashboard.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	return dashboard.ListenAndServeTLS("", "")
}

func server(address string, handler http.Handler) *http.Server {
	return &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
}

func healthy(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, "ok") }

func showPage(answer http.ResponseWriter, _ *http.Request) {
	answer.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(answer, page)
}

// withToken lets only callers with a token pass; whether the token is good is the API server's decision.
func withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		token, found := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
		if !found || strings.TrimSpace(token) == "" {
			http.Error(answer, "a bearer token is required", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(answer, request)
	})
}

// apiProxy passes requests on with the caller's token; the stand-in's own service account is never used.
func apiProxy() (http.Handler, error) {
	certificates, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("no certificate in %s", authority)
	}
	target, err := url.Parse(apiServer)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}, nil
}
