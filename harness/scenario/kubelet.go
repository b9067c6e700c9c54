package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func kubeletForms() []form {
	return []form{
		{
			"kubelet", "kubelet [--network-plugin=cni] --cni-conf-dir=DIR [--cni-bin-dir=DIR]",
			"run pods as a kubelet before 1.24 does; print which network it takes from DIR: the first file it can use",
			(*session).startKubelet,
		},
		{
			"pod start", "pod start POD", "start a pause container, attached as eth0; detach and stop it where that fails",
			(*session).startPod,
		},
		{
			"pod stop", "pod stop POD", "end the pod's containers, detach it, stop the pause container; may be repeated",
			(*session).stopPod,
		},
		{
			"container start", "container start POD NAME [tcp|udp [ADDRESS:]PORT]",
			"start a container that joins the pod's namespace, and may serve there", (*session).startContainer,
		},
		{
			"container crash", "container crash POD NAME", "end a container of a pod; nobody calls a plugin for that",
			(*session).crashContainer,
		},
	}
}

func (s *session) startKubelet(_ string, w *words.Reader) (string, error) {
	flags := map[string]string{}
	for len(w.Rest) > 0 {
		word, _ := w.Next("flag")
		name, val, ok := strings.Cut(word, "=")
		if known := name == "--network-plugin" || name == "--cni-conf-dir" || name == "--cni-bin-dir"; !ok || !known {
			return "", w.Wrong("does not know %q", word)
		}
		flags[name] = val
	}
	if flags["--cni-conf-dir"] == "" {
		return "", w.Wrong("--cni-conf-dir is missing")
	}
	if plugin, ok := flags["--network-plugin"]; ok && plugin != "cni" {
		return "", w.Wrong("--network-plugin=%s is none that uses CNI", plugin)
	}
	k := &harness.Kubelet{ConfDir: flags["--cni-conf-dir"], BinDirs: s.pluginDirs}
	if dir := flags["--cni-bin-dir"]; dir != "" {
		k.BinDirs = []string{dir}
	}
	s.kubelet = k
	return s.chosenNetwork()
}

// chosenNetwork is what a kubelet writes into its log.
func (s *session) chosenNetwork() (out string, err error) {
	err = s.asKubelet(func(k harness.Kubelet) error {
		choice, err := k.Choose(s.ctx)
		if err != nil {
			return err
		}
		for _, reason := range choice.Passed {
			out += "passed over " + reason + "\n"
		}
		if choice.Network == nil {
			out += "no network in " + k.ConfDir + "\n"
			return nil
		}
		out += fmt.Sprintf("network %s from %s: %s\n", choice.Network.Name(), choice.File,
			strings.Join(choice.Network.Plugins(), ", "))
		return nil
	})
	return out, err
}

var errNoKubelet = errors.New("there is no kubelet yet: start one with a line kubelet --cni-conf-dir=DIR")

// asKubelet calls f with the kubelet in a process of its own.
func (s *session) asKubelet(f func(harness.Kubelet) error) error {
	if s.kubelet == nil {
		return errNoKubelet
	}
	k := *s.kubelet
	return s.asProcess("kubelet", func(h kernel.Host) error {
		k.Host = h
		return f(k)
	})
}

func (s *session) startPod(_ string, w *words.Reader) (string, error) {
	var name string
	if err := w.Only("POD", &name); err != nil {
		return "", err
	}
	if name == kernel.HostNetNS { // what else is no name the plugins may say
		return "", w.Wrong("%q is no POD: %s", name, misnamed(name))
	}
	var result types.Result
	err := s.asKubelet(func(k harness.Kubelet) (err error) {
		result, err = k.StartPod(s.ctx, harness.PodNamed(name))
		return err
	})
	return printed(result, err)
}

func (s *session) stopPod(_ string, w *words.Reader) (string, error) {
	var name string
	if err := w.Only("POD", &name); err != nil {
		return "", err
	}
	s.stopServices(name)
	err := s.asKubelet(func(k harness.Kubelet) error { return k.StopPod(s.ctx, harness.PodNamed(name)) })
	return errorObject(err), err
}

func (s *session) startContainer(_ string, w *words.Reader) (string, error) {
	var pod, name string
	if err := w.Names("POD NAME", &pod, &name); err != nil {
		return "", err
	}
	var listen kernel.Service
	serves := len(w.Rest) > 0
	if serves {
		err := w.Operands(words.Value(w, "transport", &listen.Transport, parseTransport),
			words.Value(w, "PORT", &listen.At, parseListen))
		if err != nil {
			return "", err
		}
	}
	if slices.ContainsFunc(s.services, isContainer(pod, name)) {
		return "", w.Wrong("pod %s has a container %s already", pod, name)
	}
	c, err := harness.PodNamed(pod).StartContainer(s.host)
	if err != nil {
		return "", err
	}
	if serves {
		if err := c.Serve(listen); err != nil {
			c.Crash()
			return "", err
		}
	}
	s.services = append(s.services, service{netns: pod, name: name, stop: c.Crash})
	s.note("container %s runs in namespace %s%s", name, pod, listening(serves, listen))
	return "", nil
}

func listening(serves bool, at kernel.Service) string {
	if !serves {
		return ""
	}
	return fmt.Sprintf(" and listens at %s port %d", at.Transport, at.At.Port())
}

// isContainer knows the container of a pod among what runs.
func isContainer(pod, name string) func(service) bool {
	return func(running service) bool { return running.netns == pod && running.name == name }
}

func (s *session) crashContainer(_ string, w *words.Reader) (string, error) {
	var pod, name string
	if err := w.Only("POD NAME", &pod, &name); err != nil {
		return "", err
	}
	if !s.stopWhere(isContainer(pod, name)) {
		return "", w.Wrong("pod %s has no container %s", pod, name)
	}
	s.note("container %s has died, and its sockets with it", name)
	return "", nil
}
