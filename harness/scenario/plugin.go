package scenario

import (
	"encoding/json"

	"github.com/cnilab/cnilab/harness"
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

func (w *words) pluginCall() (c pluginCall, err error) {
	var netns *string
	a := &c.attachment
	err = w.options(keywords{
		"-netns": value(w, "PATH", &netns, parsePointer),
		"-args":  value(w, "KEY=VALUE;...", &a.Args, parseArgs),
		"-env":   each(w, "CNI_NAME=VALUE", &a.Env, parseSetting),
		"-prev":  value(w, "FILE", &c.previous, parseString),
	})
	if err != nil {
		return c, err
	}
	take := []func() error{value(w, "PLUGIN", &c.plugin, parseString), value(w, "COMMAND", &c.command, parseString)}
	if len(w.rest) > 2 {
		take = append(take, value(w, "FILE", &c.stdin, parseString))
	}
	if len(w.rest) > 3 {
		take = append(take, func() error { return w.pod(a) })
	}
	err = w.operands(take...)
	if netns != nil {
		a.NetNS = *netns
	}
	return c, err
}

// pod reads whose interface a line is about.
func (w *words) pod(a *harness.Attachment) error {
	var pod, ifName string
	err := w.names("POD IFNAME", &pod, &ifName)
	p := harness.PodNamed(pod)
	a.ContainerID, a.NetNS, a.IfName = p.Name, p.NetNS, ifName
	return err
}

func (s *session) plugin(_ string, w *words) (out string, err error) {
	c, err := w.pluginCall()
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
