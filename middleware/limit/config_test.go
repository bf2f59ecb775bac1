package limit_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/limit"
)

func TestConfigMistakesAreReportedTogether(t *testing.T) {
	l, err := limit.New(limit.Config{
		PerMinute:      -1,
		Burst:          6_001,
		TrustedProxies: []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::ffff:10.0.0.0/104"), netip.MustParsePrefix("10.0.0.0/8")},
		Headers:        []string{"X-Api-Key", "X Api"},
		Cookies:        []string{"", "session"},
		MaxPeers:       1_023,
		MaxRemembered:  1,
	})
	require.Nil(t, l)
	require.ElementsMatch(t, []string{
		"limit: Config.PerMinute is -1, not between 1 and 6000",
		"limit: Config.Burst is 6001, not between 1 and 6000",
		"limit: Config.MaxPeers is 1023, not between 1024 and 16777216",
		"limit: Config.MaxRemembered is 1, not between 1024 and 16777216",
		"limit: Config.TrustedProxies[0] is no prefix",
		"limit: Config.TrustedProxies[1] 0.0.0.0/0 is everybody: whoever sends X-Forwarded-For would choose who he is",
		"limit: Config.TrustedProxies[2] ::ffff:10.0.0.0/104 is IPv4 written as IPv6: write it as IPv4",
		`limit: Config.Headers[1] "X Api" is no name that one can have`,
		`limit: Config.Cookies[0] "" is no name that one can have`,
	}, strings.Split(err.Error(), "\n"))
}

func TestTheDefaultIsSixtyGuessesAndOneASecond(t *testing.T) {
	t.Run("as documented", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, err := limit.New(limit.Config{})
			require.NoError(t, err)
			guess(t, l, alice, 60)
			require.ErrorIs(t, send(l, alice, "good"), limited)
		})
	})
}

func TestAConfigIsCopied(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	l, err := limit.New(limit.Config{TrustedProxies: proxies})
	require.NoError(t, err)
	proxies[0] = netip.MustParsePrefix("192.0.2.0/24")
	require.Equal(t, netip.MustParseAddr("192.0.2.9"), l.Client(from("10.0.0.1:1", "X-Forwarded-For: 192.0.2.9")))
}
