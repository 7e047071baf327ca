// Package principal resolves names of accounts and machines: it knows that S-1-5-21-…-1104, EXAMPLE\sato,
// sato@example.jp and the mail address taro.sato@example.jp are one person, and
// that ws01, ws01.example.jp and, until its lease ends, 10.0.3.17 are one
// machine. Correlation rules group by what it returns, so that one
// rule follows one person over Windows, Linux, VPN, cloud and mail logs
// (Cybersecurity Strategy 2018, 4.2.3(1): events of many devices combined with
// account data).
//
// What it knows comes from account lists that an administrator imports, and
// from events that link names by their meaning, such as a Windows logon
// that names SID, domain and user. An imported list always takes precedence over
// events. Two accounts that have SIDs of their own, or are two entries
// of a list, never become one, whatever a log says: an attacker who writes log
// lines can at most add a name to an account, and a name that two accounts
// claim belongs to neither until a list decides.
package principal
