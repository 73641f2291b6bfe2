// Command dashboard-stand-in takes the place of dashboards where their images cannot be had.
//
// It serves what a test of Service, NodePort, access rules and login token needs. As the Kubernetes Dashboard: TLS on
// port 8443, and the API server's answers under /api/ for callers with a token of their own. With the argument
// metrics-scraper it answers on port 8000 instead, as the Dashboard's second image does. With the argument headlamp:
// port 4466, and the API server's answers under /clusters/main/, as Headlamp has them. Flags of all three are ignored.
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
	cluster   = "/clusters/main"
	page      = `<!doctype html>
<html lang="en"><title>Stand-in for %[1]s</title>
<h1>Stand-in for %[1]s</h1>
<p>This is not %[1]s, whose images cannot be reached from here. It shows that its address, its
access rules and your login token work: <code>curl -k -H "Authorization: Bearer TOKEN" %[2]s/api/v1/nodes</code>
</html>
`
)

func main() {
	switch arguments := os.Args[1:]; {
	case slices.Contains(arguments, "metrics-scraper"):
		log.Fatal(server(":8000", http.HandlerFunc(healthy)).ListenAndServe())
	case slices.Contains(arguments, "headlamp"):
		log.Fatal(serveHeadlamp())
	default:
		log.Fatal(serveDashboard())
	}
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
	routes.HandleFunc("/{$}", showPage("the Kubernetes Dashboard", "https://ADDRESS"))
	routes.Handle("/api/", withToken(proxy))
	dashboard := server(":8443", routes)
	dashboard.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	return dashboard.ListenAndServeTLS("", "")
}

// serveHeadlamp leaves every decision to the API server, as Headlamp does: a caller without a token is anonymous.
func serveHeadlamp() error {
	proxy, err := apiProxy()
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/{$}", showPage("Headlamp", "http://localhost:4466"+cluster))
	routes.Handle(cluster+"/", http.StripPrefix(cluster, proxy))
	return server(":4466", routes).ListenAndServe()
}

func server(address string, handler http.Handler) *http.Server {
	return &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
}

func healthy(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, "ok") }

// showPage says whose place the stand-in takes, and where it passes requests on.
func showPage(name, address string) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(answer, page, name, address)
	}
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
