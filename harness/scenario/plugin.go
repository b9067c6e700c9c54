package scenario

import (
	"cmp"
	"encoding/json"
	"path"
	"strings"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func pluginForms() []form {
	return []form{
		{
			"plugin", "plugin [-netns PATH] [-args KEY=VALUE;...] [-env CNI_NAME=VALUE]... [-prev FILE]" +
				" PLUGIN COMMAND [FILE [POD IFNAME]]",
			"run one plugin with FILE as its standard input, as it is but for a previous result; print what it says",
			(*session).plugin,
		},
	}
}

// A pluginCall is what a line about one plugin says.
type pluginCall struct {
	plugin, command, stdin, previous string
	attachment                       harness.Attachment
}

func readPluginCall(w *words.Reader) (c pluginCall, err error) {
	var netns *string
	a := &c.attachment
	err = w.Options(words.Keywords{
		"-netns": words.Value(w, "PATH", &netns, words.Pointer(words.String)),
		"-args":  words.Value(w, "KEY=VALUE;...", &a.Args, parseArgs),
		"-env":   words.Each(w, "CNI_NAME=VALUE", &a.Env, parseSetting),
		"-prev":  words.Value(w, "FILE", &c.previous, words.String),
	})
	if err != nil {
		return c, err
	}
	take := []func() error{
		words.Value(w, "PLUGIN", &c.plugin, words.String), words.Value(w, "COMMAND", &c.command, words.String),
	}
	if len(w.Rest) > 2 {
		take = append(take, words.Value(w, "FILE", &c.stdin, words.String))
	}
	if len(w.Rest) > 3 {
		take = append(take, func() error { return readPod(w, a) })
	}
	err = w.Operands(take...)
	if netns != nil {
		a.NetNS = *netns
	}
	return c, err
}

// readPod reads whose interface a line is about.
func readPod(w *words.Reader, a *harness.Attachment) error {
	var pod, ifName string
	err := w.Names("POD IFNAME", &pod, &ifName)
	p := harness.PodNamed(pod)
	a.ContainerID, a.NetNS, a.IfName = p.Name, p.NetNS, ifName
	return cmp.Or(err, checkPod(w, pod))
}

// checkPod refuses the path of a namespace, where a pod is wanted.
func checkPod(w *words.Reader, pod string) error {
	if strings.Contains(pod, "/") {
		return w.Wrong("POD %q is no name, but a path: it is %q here, and -netns PATH says where else its namespace is",
			pod, path.Base(pod))
	}
	return nil
}

func (s *session) plugin(_ string, w *words.Reader) (out string, err error) {
	c, err := readPluginCall(w)
	if err != nil {
		return "", err
	}
	stdin, err := s.stdin(c)
	if err != nil {
		return "", err
	}
	err = s.asRuntime(func(r *harness.Runtime) error {
		said, err := r.Call(s.ctx, c.plugin, c.command, c.attachment, stdin)
		out = string(said)
		return err
	})
	if err != nil {
		return errorObject(err), err
	}
	return out, nil
}

// stdin is what the plugin reads.
func (s *session) stdin(c pluginCall) ([]byte, error) {
	if c.stdin == "" {
		return nil, nil
	}
	text := s.files.read(c.stdin)
	if c.previous == "" {
		return []byte(text), nil
	}
	var conf map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &conf); err != nil {
		return nil, s.misread(c.stdin, text, err)
	}
	text = s.files.read(c.previous)
	var previous json.RawMessage
	if err := json.Unmarshal([]byte(text), &previous); err != nil {
		return nil, s.misread(c.previous, text, err)
	}
	conf["prevResult"] = previous
	return json.Marshal(conf)
}
