package mtls_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// watching runs Watch in a bubble, and steps from one look to the next.
type watching struct {
	*mtls.Verifier
	dir

	reloads []mtls.Status
}

const interval = 10 * time.Second

func watch(t *testing.T, trust mtls.Trust, files func(d dir) mtls.Files) *watching {
	t.Helper()
	w := &watching{dir: dir(t.TempDir())}
	var err error
	w.Verifier, err = mtls.New(mtls.Config{Trust: trust, Allow: mtls.AnyOf(mtls.DNS("client.example.com"))}, &mtls.Options{
		OnReload: func(s mtls.Status) { w.reloads = append(w.reloads, s); panic("contained") },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	f := files(w.dir)
	go func() { over <- w.Watch(ctx, f, interval) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-over, context.Canceled)
	})
	synctest.Wait()
	return w
}

func next() {
	time.Sleep(interval)
	synctest.Wait()
}

func TestWatchReplacesTheTrustWhenAFileChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := newRoot(t, "old"), newRoot(t, "young")
		a, b := old.issue(t), young.issue(t)
		w := watch(t, trusting(old), func(d dir) mtls.Files {
			return mtls.Files{Roots: []string{d.write(t, "roots", pemOf("CERTIFICATE", old.Raw))}, CRLs: []string{d.write(t, "crl", old.revoke(t, 1).Raw)}}
		})
		ask := func() []string { return []string{verdict(w.Verifier, a), verdict(w.Verifier, b)} }
		require.Equal(t, []string{"client.example.com", "chain"}, ask())
		require.Len(t, w.reloads, 1)
		require.Len(t, w.reloads[0].Lists, 1)
		next()
		require.Len(t, w.reloads, 1, "nothing has changed")

		w.write(t, "roots", pemOf("CERTIFICATE", old.Raw, young.Raw))
		w.write(t, "crl", pemOf("X509 CRL", old.revoke(t, 2, a).Raw, young.revoke(t, 1).Raw))
		require.Equal(t, []string{"client.example.com", "chain"}, ask(), "not before the interval is over")
		next()
		require.Equal(t, []string{"revoked", "client.example.com"}, ask())
		require.Len(t, w.reloads, 2)
		require.Equal(t, 2, w.Status().HookPanics)
	})
}

func TestAFileThatIsNoGoodKeepsItsLastContentAndTheOthersGoOn(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(t *testing.T, w *watching, root *authority)
		file  string
		want  string
	}{
		"roots are missing": {func(t *testing.T, w *watching, _ *authority) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(string(w.dir), "roots")))
		}, "roots", "no such file"},
		"roots are empty": {func(t *testing.T, w *watching, _ *authority) { t.Helper(); w.write(t, "roots", nil) }, "roots", "nothing in it"},
		"roots are cut off": {func(t *testing.T, w *watching, r *authority) {
			t.Helper()
			w.write(t, "roots", pemOf("CERTIFICATE", r.Raw)[:100])
		}, "roots", "not PEM"},
		"roots are garbage":   {func(t *testing.T, w *watching, _ *authority) { t.Helper(); w.write(t, "roots", []byte("<html>")) }, "roots", "not PEM"},
		"roots are too large": {func(t *testing.T, w *watching, _ *authority) { t.Helper(); w.write(t, "roots", make([]byte, 1<<20+1)) }, "roots", "too large"},
		"roots are a leaf": {func(t *testing.T, w *watching, r *authority) {
			t.Helper()
			w.write(t, "roots", pemOf("CERTIFICATE", r.issue(t).Raw))
		}, "roots", "no authority"},
		"roots are a directory": {func(t *testing.T, w *watching, _ *authority) {
			t.Helper()
			path := filepath.Join(string(w.dir), "roots")
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "roots", "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, other := newRoot(t, "root"), newRoot(t, "other")
				leaf, late := root.issue(t), other.issue(t)
				w := watch(t, trusting(root), func(d dir) mtls.Files {
					return mtls.Files{Roots: []string{d.write(t, "roots", pemOf("CERTIFICATE", root.Raw)), d.write(t, "more", pemOf("CERTIFICATE", root.Raw))}, CRLs: []string{d.write(t, "crl", root.revoke(t, 1).Raw)}}
				})
				row.spoil(t, w, root)
				w.write(t, "more", pemOf("CERTIFICATE", other.Raw))
				w.write(t, "crl", pemOf("X509 CRL", root.revoke(t, 2, leaf).Raw, other.revoke(t, 1).Raw))
				next()
				require.Equal(t, []string{"revoked", "client.example.com"}, []string{verdict(w.Verifier, leaf), verdict(w.Verifier, late)})
				require.Len(t, w.reloads, 2)
				errs := w.reloads[1].Errors
				require.Len(t, errs, 1)
				require.ErrorContains(t, errs[filepath.Join(string(w.dir), row.file)], row.want)
				next()
				require.Len(t, w.reloads, 2, "the same trouble is told once")

				require.NoError(t, os.RemoveAll(filepath.Join(string(w.dir), "roots")))
				w.write(t, "roots", pemOf("CERTIFICATE", root.Raw))
				next()
				require.Empty(t, w.Status().Errors)
				require.Len(t, w.reloads, 3, "and so is its end")
			})
		})
	}
}

func TestAListThatIsNoGoodKeepsTheLastUntilItIsToBeReplaced(t *testing.T) {
	for name, row := range map[string]struct {
		list func(t *testing.T, root, bad *authority) []byte
		want string
	}{
		"older":         {func(t *testing.T, root, _ *authority) []byte { t.Helper(); return root.revoke(t, 1).Raw }, "older"},
		"of a namesake": {func(t *testing.T, _, _ *authority) []byte { t.Helper(); return newRoot(t, "root").revoke(t, 3).Raw }, "did not sign"},
		"cut off": {func(t *testing.T, root, _ *authority) []byte {
			t.Helper()
			raw := root.revoke(t, 3).Raw
			return raw[:len(raw)/2]
		}, "cannot be read"},
		"a delta": {func(t *testing.T, root, _ *authority) []byte { t.Helper(); return deltaOf(t, root).Raw }, "a delta"},
		"empty":   {func(*testing.T, *authority, *authority) []byte { return nil }, "nothing in it"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := newRoot(t, "root")
				long := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10 * time.Hour) }
				good, bad := root.issue(t, long), root.issue(t, long)
				w := watch(t, trusting(root), func(d dir) mtls.Files {
					return mtls.Files{Roots: []string{d.write(t, "roots", pemOf("CERTIFICATE", root.Raw))}, CRLs: []string{d.write(t, "crl", root.revoke(t, 2, bad).Raw)}}
				})
				ask := func() []string { return []string{verdict(w.Verifier, good), verdict(w.Verifier, bad)} }
				w.write(t, "crl", row.list(t, root, bad))
				next()
				require.Equal(t, []string{"client.example.com", "revoked"}, ask())
				require.ErrorContains(t, w.Status().Errors[filepath.Join(string(w.dir), "crl")], row.want)
				time.Sleep(time.Hour)
				require.Equal(t, []string{"undecided", "revoked"}, ask())
				w.write(t, "crl", root.revoke(t, 3, bad).Raw)
				next()
				require.Equal(t, []string{"client.example.com", "revoked"}, ask())
			})
		})
	}
}

func TestUntilEveryFileHasBeenGoodTheTrustOfNewStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, other := newRoot(t, "root"), newRoot(t, "other")
		w := watch(t, trusting(root), func(d dir) mtls.Files {
			return mtls.Files{Roots: []string{d.write(t, "roots", pemOf("CERTIFICATE", other.Raw)), filepath.Join(string(d), "late")}}
		})
		require.Equal(t, []string{"client.example.com", "chain"}, []string{verdict(w.Verifier, root.issue(t)), verdict(w.Verifier, other.issue(t))})
		require.Len(t, w.Status().Errors, 2)
		require.Len(t, w.reloads, 1)
		w.write(t, "late", pemOf("CERTIFICATE", other.Raw))
		next()
		require.Equal(t, []string{"chain", "client.example.com"}, []string{verdict(w.Verifier, root.issue(t)), verdict(w.Verifier, other.issue(t))})
		require.Empty(t, w.Status().Errors)
	})
}

func TestWatchSaysWhatItCannotDo(t *testing.T) {
	v := newVerifier(t, trusting(newRoot(t, "root")), mtls.DNS("client.example.com"))
	require.ErrorContains(t, v.Watch(t.Context(), mtls.Files{Roots: []string{"roots"}}, 0), "less than a second")
	require.ErrorContains(t, v.Watch(t.Context(), mtls.Files{}, time.Second), "no roots and no bundles")
	require.ErrorContains(t, v.Watch(t.Context(), mtls.Files{CRLs: []string{"crl"}}, time.Second), "no roots and no bundles")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, v.Watch(ctx, mtls.Files{Roots: []string{"roots"}}, time.Second), context.Canceled)
	require.Empty(t, v.Status().Errors)
}
