package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// attachmentWords are what an attachment is made of, behind the verb.
const attachmentWords = " [-netns PATH] [-args KEY=VALUE;...] [-env CNI_NAME=VALUE]... [-capabilities FILE]" +
	" CONF POD IFNAME"

func cniForms() []form {
	return []form{
		{
			"cni add", "cni add" + attachmentWords,
			"attach a pod (a namespace by its name) to the network of a configuration file; print the result",
			(*session).cniAdd,
		},
		{"cni check", "cni check" + attachmentWords, "ask whether all is as add left it", (*session).cniCheck},
		{"cni del", "cni del" + attachmentWords, "detach", (*session).cniDel},
		{
			"cni gc", "cni gc CONF [POD/IFNAME...]", "take away what belongs to other attachments than these",
			(*session).cniGC,
		},
		{"cni status", "cni status CONF", "ask whether add could work", (*session).cniStatus},
		{"cni version", "cni version PLUGIN", "print which versions of CNI a plugin speaks", (*session).cniVersion},
	}
}

// cniCall is what a line about one attachment says.
type cniCall struct {
	network    *harness.Network
	attachment harness.Attachment
}

func (s *session) cniCall(w *words.Reader) (c cniCall, err error) {
	var netns *string
	var args, capabilities, conf, pod, ifName string
	err = w.Options(words.Keywords{
		"-netns":        words.Value(w, "PATH", &netns, words.Pointer(words.String)),
		"-args":         words.Value(w, "KEY=VALUE;...", &args, words.String),
		"-env":          words.Each(w, "CNI_NAME=VALUE", &c.attachment.Env, parseSetting),
		"-capabilities": words.Value(w, "FILE", &capabilities, words.String),
	})
	if err == nil {
		err = w.Only("CONF POD IFNAME", &conf, &pod, &ifName)
	}
	if err != nil {
		return c, err
	}
	if err := checkPod(w, pod); err != nil {
		return c, err
	}
	env := c.attachment.Env
	c.attachment = harness.PodNamed(pod).Attach(ifName)
	c.attachment.Env = env
	if netns != nil {
		c.attachment.NetNS = *netns
	}
	if c.attachment.Args, err = parseArgs(args); err != nil {
		return c, w.Wrong("%v", err)
	}
	if c.attachment.Capabilities, err = s.capabilities(capabilities); err != nil {
		return c, err
	}
	c.network, err = s.network(conf)
	return c, err
}

// parseArgs reads CNI_ARGS: "K=V;K2=V2".
func parseArgs(s string) ([][2]string, error) {
	if s == "" {
		return nil, nil
	}
	var args [][2]string
	for pair := range strings.SplitSeq(s, ";") {
		key, val, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%q has no =", pair)
		}
		args = append(args, [2]string{key, val})
	}
	return args, nil
}

// parseSetting reads a variable that plugins look at; they are not given others.
func parseSetting(s string) (string, error) {
	if !strings.HasPrefix(s, "CNI_") || !strings.Contains(s, "=") {
		return "", errors.New("not CNI_NAME=VALUE")
	}
	return s, nil
}

func (s *session) capabilities(file string) (map[string]any, error) {
	if file == "" {
		return nil, nil
	}
	var all map[string]any
	text := s.files.read(file)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, s.misread(file, text, err)
	}
	return all, nil
}

func (s *session) network(file string) (*harness.Network, error) {
	text := s.files.read(file)
	n, err := harness.ParseNetwork([]byte(text))
	if err != nil {
		return nil, s.misread(file, text, err)
	}
	return n, nil
}

func (s *session) cniAdd(_ string, w *words.Reader) (string, error) {
	c, err := s.cniCall(w)
	if err != nil {
		return "", err
	}
	var result types.Result
	err = s.asRuntime(func(r *harness.Runtime) (err error) {
		result, err = r.Add(s.ctx, c.network, c.attachment)
		return err
	})
	return printed(result, err)
}

// printed is what a plugin, asked to add, has printed.
func printed(result types.Result, err error) (string, error) {
	if err != nil {
		return errorObject(err), err
	}
	var out bytes.Buffer
	err = result.PrintTo(&out)
	return out.String() + "\n", err
}

func (s *session) cniCheck(_ string, w *words.Reader) (string, error) {
	c, err := s.cniCall(w)
	if err != nil {
		return "", err
	}
	err = s.asRuntime(func(r *harness.Runtime) error { return r.Check(s.ctx, c.network, c.attachment) })
	return errorObject(err), err
}

func (s *session) cniDel(_ string, w *words.Reader) (string, error) {
	c, err := s.cniCall(w)
	if err != nil {
		return "", err
	}
	err = s.asRuntime(func(r *harness.Runtime) error { return r.Del(s.ctx, c.network, c.attachment) })
	return errorObject(err), err
}

func (s *session) cniGC(_ string, w *words.Reader) (string, error) {
	conf, err := w.Next("CONF")
	if err != nil {
		return "", err
	}
	var valid []harness.Attachment
	for _, word := range w.Rest {
		pod, ifName, ok := strings.Cut(word, "/")
		if !ok {
			return "", w.Wrong("%q is no POD/IFNAME", word)
		}
		valid = append(valid, harness.PodNamed(pod).Attach(ifName))
	}
	network, err := s.network(conf)
	if err != nil {
		return "", err
	}
	err = s.asRuntime(func(r *harness.Runtime) error { return r.GC(s.ctx, network, valid...) })
	return errorObject(err), err
}

func (s *session) cniStatus(_ string, w *words.Reader) (string, error) {
	var conf string
	if err := w.Only("CONF", &conf); err != nil {
		return "", err
	}
	network, err := s.network(conf)
	if err != nil {
		return "", err
	}
	err = s.asRuntime(func(r *harness.Runtime) error { return r.Status(s.ctx, network) })
	return errorObject(err), err
}

func (s *session) cniVersion(_ string, w *words.Reader) (string, error) {
	var plugin string
	if err := w.Only("PLUGIN", &plugin); err != nil {
		return "", err
	}
	var info version.PluginInfo
	err := s.asRuntime(func(r *harness.Runtime) (err error) {
		info, err = r.Version(s.ctx, plugin)
		return err
	})
	if err != nil {
		return errorObject(err), err
	}
	var out bytes.Buffer
	err = info.Encode(&out)
	return out.String(), err
}

// errorObject returns the error object that a plugin printed, if it is one's.
func errorObject(err error) string {
	var said *types.Error
	if !errors.As(err, &said) {
		return ""
	}
	text, err := json.MarshalIndent(said, "", "    ")
	if err != nil {
		return ""
	}
	return string(text) + "\n"
}
