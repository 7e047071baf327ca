package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
)

// remember notes where the hub that was started last keeps its data.
func remember(p place) error {
	file, err := placeFile()
	if err != nil {
		return err
	}
	if p.Data, err = filepath.Abs(p.Data); err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	return err
}

// adminFlags say which hub a command works on.
type adminFlags struct {
	Data string `help:"Data folder of the hub. Default: that of the hub you started last, else meneki-hub." ja:"ハブのデータフォルダー。既定は最後に起動したハブのもの、なければ meneki-hub" placeholder:"DIR" jaholder:"フォルダー" type:"path" env:"MENEKI_DATA"`
	DB   string `help:"The hub's PostgreSQL URL, if it has one." ja:"ハブが PostgreSQL を使う場合の URL" placeholder:"URL" jaholder:"URL" env:"MENEKI_DB"`
	JSON bool   `help:"Print JSON." ja:"JSON で表示"`
}

// open finds the hub and opens its state, beside the running hub.
func (f adminFlags) open(s *session) (*hub.Admin, error) {
	p := place{Data: f.Data, DB: f.DB}
	if p.Data == "" {
		file, err := placeFile()
		if err == nil {
			var b []byte
			if b, err = os.ReadFile(file); err == nil {
				err = json.Unmarshal(b, &p)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Debug("could not read where the hub is", "err", err)
		}
		if p.Data == "" {
			p.Data = "meneki-hub"
		}
	}
	if _, err := os.Stat(p.Data); err != nil {
		return nil, fault.Wrap(fault.NotFound, i18n.T("there is no hub in {0}", "{0} にハブがありません").With(p.Data), err).
			WithHint(i18n.T("start one with meneki hub, or name its folder with --data",
				"meneki hub で起動するか、--data でフォルダーを指定してください"))
	}
	return hub.OpenAdmin(s.ctx, hub.Config{Data: p.Data, DB: p.DB, Lang: s.lang, Log: s.log})
}

func (f adminFlags) print(s *session, v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type memberCmd struct {
	Invite memberInvite `cmd:"" help:"Invite an organisation: print a token that works once, within 7 days." ja:"組織を招待：一度だけ、7 日以内に使えるトークンを表示"`
	List   memberList   `cmd:"" help:"List the members." ja:"構成員の一覧を表示"`
	Revoke memberRevoke `cmd:"" help:"End a membership: the node is cut off." ja:"構成員の資格を終了し、ノードを切り離し"`
}

type memberInvite struct {
	adminFlags
	Name       string   `arg:"" jaholder:"名称" help:"Name of the organisation." ja:"組織の名称"`
	Sector     string   `help:"Its sector, such as power, medical, local-government, university; a wrong one is answered with all." ja:"分野：power、medical、local-government、university など。誤った値にはすべての分野を表示" placeholder:"SECTOR" jaholder:"分野" required:""`
	Prefecture string   `help:"Its prefecture, 01 to 47 or its name; only for the map." ja:"都道府県：01～47 か名称。地図にだけ使用" placeholder:"PREF" jaholder:"都道府県"`
	Domain     []string `help:"Its own domains, which never become indicators." ja:"組織自身のドメイン。指標の対象外" placeholder:"DOMAIN" jaholder:"ドメイン"`
}

// Run invites.
func (c *memberInvite) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	inv, err := d.Invite(s.ctx, identity.NewMember{Name: c.Name, Sector: c.Sector, Prefecture: c.Prefecture}, c.Domain)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, inv)
	}
	s.say(i18n.T("Invitation for {0}. It works once, until {1}:", "{0} への招待です。一度だけ、{1} まで有効です：").With(inv.Name,
		inv.Until.Local().Format("2006-01-02 15:04 MST")))
	fmt.Fprintf(s.out, "  meneki node --join %s --token %s --data DIR --watch PATH\n", inv.Hub, inv.Token)
	return nil
}

type memberList struct{ adminFlags }

// Run lists.
func (c *memberList) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Members(s.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, list)
	}
	for _, m := range list {
		fmt.Fprintf(s.out, "%s  %s  %s  %s\n", m.ID, pad(m.Name, 28), pad(m.Sector, 18), m.State)
	}
	return nil
}

type memberRevoke struct {
	adminFlags
	Member string `arg:"" jaholder:"ID" help:"Id of the member." ja:"構成員の ID"`
}

// Run revokes.
func (c *memberRevoke) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Revoke(s.ctx, c.Member); err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]string{"revoked": c.Member})
	}
	s.say(i18n.T("The membership has ended.", "構成員の資格を終了しました。"))
	return nil
}

type userCmd struct {
	Invite userInvite `cmd:"" help:"Invite a person: print a link that works once, within 7 days." ja:"利用者を招待：一度だけ、7 日以内に使えるリンクを表示"`
	List   userList   `cmd:"" help:"List the people." ja:"利用者の一覧を表示"`
}

type userInvite struct {
	adminFlags
	Name   string `arg:"" jaholder:"氏名" help:"Name of the person." ja:"利用者の氏名"`
	Login  string `help:"Name to sign in with: a-z 0-9 . _ @ + -." ja:"サインイン名：a-z 0-9 . _ @ + -" placeholder:"LOGIN" jaholder:"サインイン名" required:""`
	Role   string `help:"What the person may do: reader, analyst, coordinator, admin." ja:"利用者の役割：reader、analyst、coordinator、admin" placeholder:"ROLE" jaholder:"役割" default:"analyst"`
	Member string `help:"Id of the member that the person belongs to. Default: the hub." ja:"利用者が属する構成員の ID。既定はハブ" placeholder:"ID" jaholder:"ID"`
}

// Run invites.
func (c *userInvite) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	link, err := d.InviteUser(s.ctx, c.Name, c.Login, c.Role, c.Member)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]string{"link": link})
	}
	s.say(i18n.T("Link for {0}. It works once, within 7 days:", "{0} 用のリンクです。一度だけ、7 日以内に有効です：").With(c.Name))
	fmt.Fprintln(s.out, "  "+link)
	return nil
}

type userList struct{ adminFlags }

// Run lists.
func (c *userList) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Users(s.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, list)
	}
	for _, u := range list {
		fmt.Fprintf(s.out, "%s  %s  %s  %s  %s\n", u.ID, pad(u.Name, 24), pad(u.Login, 16), pad(u.Role, 12), u.Member)
	}
	return nil
}

type tokenCmd struct {
	Create tokenCreate `cmd:"" help:"Make an API token, valid for a year: it is printed once." ja:"1 年間有効な API トークンを発行し、一度だけ表示"`
	Revoke tokenRevoke `cmd:"" help:"End an API token." ja:"API トークンを失効"`
}

type tokenCreate struct {
	adminFlags
	Name   string `arg:"" jaholder:"用途" help:"What the token is for." ja:"トークンの用途"`
	Role   string `help:"What it may do: reader, analyst, coordinator, admin; for a person, at most what the person may." ja:"トークンの役割：reader、analyst、coordinator、admin。利用者のトークンは、その利用者の役割まで" placeholder:"ROLE" jaholder:"役割" default:"reader"`
	User   string `help:"Login of the person that it acts for." ja:"代行する利用者のサインイン名" placeholder:"LOGIN" jaholder:"サインイン名" xor:"who" required:""`
	Member string `help:"Id of the member that it acts for." ja:"代行する構成員の ID" placeholder:"ID" jaholder:"ID" xor:"who" required:""`
}

// Run makes a token.
func (c *tokenCreate) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	id, token, err := d.CreateToken(s.ctx, c.Name, c.Role, c.User, c.Member)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]string{"id": id, "token": token})
	}
	fmt.Fprintln(s.out, strings.TrimSpace(token))
	return nil
}

type tokenRevoke struct {
	adminFlags
	ID string `arg:"" jaholder:"ID" help:"Id of the token." ja:"トークンの ID"`
}

// Run ends a token.
func (c *tokenRevoke) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.RevokeToken(s.ctx, c.ID); err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]string{"revoked": c.ID})
	}
	s.say(i18n.T("The token has ended.", "トークンを失効させました。"))
	return nil
}
