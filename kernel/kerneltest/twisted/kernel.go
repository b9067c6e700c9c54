// Package twisted makes backends that are wrong on purpose: right ones of which some methods are replaced. Tests show with
// them that a wrong rule is noticed, by the laws and in lockstep; nothing else is to use it.
package twisted

import (
	"context"
	"io/fs"
	"reflect"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A Kernel is one way in which a backend is wrong. Each function stands in for the method of its name; its first argument
// is the right host or namespace, with which it does what it likes. A method whose function is nil is right.
type Kernel struct {
	Hook intercept.Hook // stands before every call

	Self        func(h kernel.Host) (kernel.NetNS, error)
	OpenNetNS   func(h kernel.Host, path string) (kernel.NetNS, error)
	AddNetNS    func(h kernel.Host, path string) error
	DeleteNetNS func(h kernel.Host, path string) error

	Now   func(h kernel.Host) time.Time
	Sleep func(h kernel.Host, ctx context.Context, d time.Duration) error

	ReadFile  func(h kernel.Host, name string) ([]byte, error)
	ReadDir   func(h kernel.Host, name string) ([]fs.DirEntry, error)
	Stat      func(h kernel.Host, name string) (fs.FileInfo, error)
	MkdirAll  func(h kernel.Host, name string, perm fs.FileMode) error
	WriteFile func(h kernel.Host, name string, data []byte, perm fs.FileMode) error
	Link      func(h kernel.Host, old, name string) error
	Rename    func(h kernel.Host, old, name string) error
	Remove    func(h kernel.Host, name string) error
	LockFile  func(h kernel.Host, ctx context.Context, name string, wait time.Duration) (func(), error)

	Exec   func(h kernel.Host, ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error)
	IsSelf func(h kernel.Host, path string) (bool, error)
	BootID func(h kernel.Host) (string, error)

	Name  func(ns kernel.NetNS) string
	ID    func(ns kernel.NetNS) kernel.NSID
	Lock  func(ns kernel.NetNS, ctx context.Context, wait time.Duration) (func(), error)
	Close func(ns kernel.NetNS)

	Links      func(ns kernel.NetNS) ([]kernel.Link, error)
	LinkByName func(ns kernel.NetNS, name string) (kernel.Link, error)
	AddLink    func(ns kernel.NetNS, spec kernel.LinkSpec) error
	ChangeLink func(ns kernel.NetNS, index int, c kernel.LinkChange) error
	DeleteLink func(ns kernel.NetNS, index int) error
	ChangePort func(ns kernel.NetNS, link int, c kernel.PortChange) error

	ChangeBridge func(ns kernel.NetNS, index int, c kernel.BridgeChange) error
	VLANs        func(ns kernel.NetNS) ([]kernel.VLAN, error)
	AddVLANs     func(ns kernel.NetNS, v kernel.VLANRange) error
	DeleteVLANs  func(ns kernel.NetNS, v kernel.VLANRange) error
	FDB          func(ns kernel.NetNS) ([]kernel.FDBEntry, error)
	AddFDB       func(ns kernel.NetNS, e kernel.FDBEntry) error
	DeleteFDB    func(ns kernel.NetNS, e kernel.FDBEntry) error

	Addresses       func(ns kernel.NetNS, link int) ([]kernel.Address, error)
	AddAddress      func(ns kernel.NetNS, a kernel.Address) error
	DeleteAddress   func(ns kernel.NetNS, a kernel.Address) error
	Routes          func(ns kernel.NetNS, f kernel.Family) ([]kernel.Route, error)
	AddRoute        func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error
	DeleteRoute     func(ns kernel.NetNS, r kernel.Route) error
	Rules           func(ns kernel.NetNS, f kernel.Family) ([]kernel.Rule, error)
	AddRule         func(ns kernel.NetNS, r kernel.Rule) error
	DeleteRule      func(ns kernel.NetNS, r kernel.Rule) error
	Neighbours      func(ns kernel.NetNS, link int) ([]kernel.Neighbour, error)
	AddNeighbour    func(ns kernel.NetNS, e kernel.Neighbour) error
	DeleteNeighbour func(ns kernel.NetNS, e kernel.Neighbour) error

	Sysctl        func(ns kernel.NetNS, key string) (string, error)
	SetSysctl     func(ns kernel.NetNS, key, value string) error
	Ruleset       func(ns kernel.NetNS, b kernel.FilterBackend) ([]kernel.FilterTable, error)
	CheckRuleset  func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error
	ChangeRuleset func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error

	Flows       func(ns kernel.NetNS) ([]kernel.Flow, error)
	DeleteFlows func(ns kernel.NetNS, f kernel.FlowFilter) (int, error)

	Advertise func(ns kernel.NetNS, a kernel.RouterAdvertisement) error

	Ping  func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error)
	Call  func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error)
	Serve func(ns kernel.NetNS, s kernel.Service) (func(), error)

	// These are given what was listed without an error, and return what to show instead.
	ShowLinks      func(ns kernel.NetNS, list []kernel.Link) []kernel.Link
	ShowVLANs      func(ns kernel.NetNS, list []kernel.VLAN) []kernel.VLAN
	ShowFDB        func(ns kernel.NetNS, list []kernel.FDBEntry) []kernel.FDBEntry
	ShowAddresses  func(ns kernel.NetNS, list []kernel.Address) []kernel.Address
	ShowRoutes     func(ns kernel.NetNS, list []kernel.Route) []kernel.Route
	ShowRules      func(ns kernel.NetNS, list []kernel.Rule) []kernel.Rule
	ShowNeighbours func(ns kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour
	ShowRuleset    func(ns kernel.NetNS, list []kernel.FilterTable) []kernel.FilterTable
	ShowFlows      func(ns kernel.NetNS, list []kernel.Flow) []kernel.Flow

	ShowLink func(ns kernel.NetNS, l kernel.Link) kernel.Link // for LinkByName alone, which looks at ShowLinks, too
}

// rightKernel is wrong in nothing.
var rightKernel = Kernel{
	Self:        kernel.Host.Self,
	OpenNetNS:   kernel.Host.OpenNetNS,
	AddNetNS:    kernel.Host.AddNetNS,
	DeleteNetNS: kernel.Host.DeleteNetNS,

	Now:   kernel.Host.Now,
	Sleep: kernel.Host.Sleep,

	ReadFile:  kernel.Host.ReadFile,
	ReadDir:   kernel.Host.ReadDir,
	Stat:      kernel.Host.Stat,
	MkdirAll:  kernel.Host.MkdirAll,
	WriteFile: kernel.Host.WriteFile,
	Link:      kernel.Host.Link,
	Rename:    kernel.Host.Rename,
	Remove:    kernel.Host.Remove,
	LockFile:  kernel.Host.LockFile,

	Exec:   kernel.Host.Exec,
	IsSelf: kernel.Host.IsSelf,
	BootID: kernel.Host.BootID,

	Name:  kernel.NetNS.Name,
	ID:    kernel.NetNS.ID,
	Lock:  kernel.NetNS.Lock,
	Close: kernel.NetNS.Close,

	Links:      kernel.NetNS.Links,
	LinkByName: kernel.NetNS.LinkByName,
	AddLink:    kernel.NetNS.AddLink,
	ChangeLink: kernel.NetNS.ChangeLink,
	DeleteLink: kernel.NetNS.DeleteLink,
	ChangePort: kernel.NetNS.ChangePort,

	ChangeBridge: kernel.NetNS.ChangeBridge,
	VLANs:        kernel.NetNS.VLANs,
	AddVLANs:     kernel.NetNS.AddVLANs,
	DeleteVLANs:  kernel.NetNS.DeleteVLANs,
	FDB:          kernel.NetNS.FDB,
	AddFDB:       kernel.NetNS.AddFDB,
	DeleteFDB:    kernel.NetNS.DeleteFDB,

	Addresses:       kernel.NetNS.Addresses,
	AddAddress:      kernel.NetNS.AddAddress,
	DeleteAddress:   kernel.NetNS.DeleteAddress,
	Routes:          kernel.NetNS.Routes,
	AddRoute:        kernel.NetNS.AddRoute,
	DeleteRoute:     kernel.NetNS.DeleteRoute,
	Rules:           kernel.NetNS.Rules,
	AddRule:         kernel.NetNS.AddRule,
	DeleteRule:      kernel.NetNS.DeleteRule,
	Neighbours:      kernel.NetNS.Neighbours,
	AddNeighbour:    kernel.NetNS.AddNeighbour,
	DeleteNeighbour: kernel.NetNS.DeleteNeighbour,

	Sysctl:        kernel.NetNS.Sysctl,
	SetSysctl:     kernel.NetNS.SetSysctl,
	Ruleset:       kernel.NetNS.Ruleset,
	CheckRuleset:  kernel.NetNS.CheckRuleset,
	ChangeRuleset: kernel.NetNS.ChangeRuleset,

	Flows:       kernel.NetNS.Flows,
	DeleteFlows: kernel.NetNS.DeleteFlows,

	Advertise: kernel.NetNS.Advertise,

	Ping:  kernel.NetNS.Ping,
	Call:  kernel.NetNS.Call,
	Serve: kernel.NetNS.Serve,
}

// Host returns h with what is wrong.
func (k Kernel) Host(h kernel.Host) kernel.Host {
	if k.Hook != nil {
		h = intercept.Wrap(h, k.Hook)
	}
	k.fill(rightKernel)
	return &host{right: h, k: &k}
}

// fill takes from another kernel the functions that k does not have.
func (k *Kernel) fill(from Kernel) {
	own, other := reflect.ValueOf(k).Elem(), reflect.ValueOf(from)
	for i := range own.NumField() {
		if own.Field(i).IsNil() {
			own.Field(i).Set(other.Field(i))
		}
	}
}
