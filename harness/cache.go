package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/cnilab/cnilab/kernel"
)

// ResultsDir is where runtimes keep the results of ADD, for CHECK, DEL and GC: libcni's folder.
const ResultsDir = "/var/lib/cni/results"

// A cache is what a runtime knows of its attachments: a file for each, in libcni's format, so that any runtime that is
// made of libcni can go on where this one ended. libcni's own cache cannot serve: it is files of the machine that this
// program runs on, not of the host.
type cache struct{ files kernel.Files }

// cacheKind marks a file that has more in it than the bare result, which libcni kept before.
const cacheKind = "cniCacheV1"

// A cachedAttachment is one file of the cache. The order of its fields is libcni's, and so are the bytes.
type cachedAttachment struct {
	Kind         string         `json:"kind"`
	ContainerID  string         `json:"containerId"`
	Config       []byte         `json:"config"`
	IfName       string         `json:"ifName"`
	Network      string         `json:"networkName"`
	NetNS        string         `json:"netns,omitempty"`
	Args         [][2]string    `json:"cniArgs,omitempty"`
	Capabilities map[string]any `json:"capabilityArgs,omitempty"`
	Result       map[string]any `json:"result,omitempty"`
}

// attachment is what a DEL of it needs.
func (c cachedAttachment) attachment() Attachment {
	return Attachment{
		ContainerID: c.ContainerID, NetNS: c.NetNS, IfName: c.IfName, Args: c.Args, Capabilities: c.Capabilities,
	}
}

// file returns the name of an attachment's file.
func (cache) file(network string, a Attachment) (string, error) {
	if network == "" || a.ContainerID == "" || a.IfName == "" {
		return "", fmt.Errorf("result cache: network %q, container id %q and interface %q must be given",
			network, a.ContainerID, a.IfName)
	}
	return path.Join(ResultsDir, network+"-"+a.ContainerID+"-"+a.IfName), nil
}

// put keeps the result of an ADD. As in libcni, a failure or a crash may leave the file empty or cut.
func (c cache) put(n *Network, a Attachment, result types.Result) error {
	entry := cachedAttachment{
		Kind: cacheKind, ContainerID: a.ContainerID, Config: n.list.Bytes, IfName: a.IfName, Network: n.list.Name,
		NetNS: a.NetNS, Args: a.Args, Capabilities: a.Capabilities,
	}
	if err := convert(result, &entry.Result); err != nil {
		return err
	}
	data, err := json.Marshal(&entry)
	if err != nil {
		return err
	}
	file, err := c.file(n.list.Name, a)
	if err != nil {
		return err
	}
	if err := c.files.MkdirAll(ResultsDir, 0o700); err != nil {
		return err
	}
	return c.files.WriteFile(file, data, 0o600)
}

// convert gives to what from is as JSON.
func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// result returns what ADD answered, in the version of the network's configuration; nil where it is not known. As in
// libcni, a file that cannot be read is no error.
func (c cache) result(n *Network, a Attachment) (types.Result, error) {
	file, err := c.file(n.list.Name, a)
	if err != nil {
		return nil, err
	}
	data, err := c.files.ReadFile(file)
	if err != nil {
		return nil, nil
	}
	result, err := create.CreateFromBytes(bareResult(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	result, err = result.GetAsVersion(n.list.CNIVersion)
	if err != nil {
		return nil, fmt.Errorf("%s: in version %q: %w", file, n.list.CNIVersion, err)
	}
	return result, nil
}

// bareResult returns the result in a file of the cache, which in one of old is all there is.
func bareResult(data []byte) []byte {
	var entry struct {
		Kind   string          `json:"kind"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &entry); err != nil || entry.Kind != cacheKind {
		return data
	}
	return entry.Result
}

// forget deletes an attachment's file. As in libcni, one that stays is no error: the next ADD writes it anew.
func (c cache) forget(n *Network, a Attachment) {
	if file, err := c.file(n.list.Name, a); err == nil {
		_ = c.files.Remove(file)
	}
}

// attachments returns those of a network, sorted by the names of their files. Files that make no sense are passed over.
func (c cache) attachments(network string) ([]Attachment, error) {
	entries, err := c.files.ReadDir(ResultsDir)
	if errors.Is(err, kernel.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Attachment
	for _, entry := range entries {
		data, err := c.files.ReadFile(path.Join(ResultsDir, entry.Name()))
		if err != nil {
			continue
		}
		var kept cachedAttachment
		if json.Unmarshal(data, &kept) == nil && kept.Kind == cacheKind && kept.Network == network && kept.IfName != "" {
			all = append(all, kept.attachment())
		}
	}
	return all, nil
}
