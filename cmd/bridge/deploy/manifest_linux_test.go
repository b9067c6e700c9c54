//go:build kubernetes

// Kubernetes' types take longer to compile than all of cnilab: "make lint" asks for these tests, "make test" does not.

package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// placeholder is what operators put their image's name for.
const placeholder = "SET-THE-IMAGE"

// manifest is what daemonset.yaml holds, by Kubernetes' own types; a key that they do not know fails the test.
func manifest(t *testing.T) (network corev1.ConfigMap, set appsv1.DaemonSet) {
	t.Helper()
	text, err := os.ReadFile("daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(text), "\n---\n")
	if len(documents) != 2 {
		t.Fatalf("%d documents, want a ConfigMap and a DaemonSet", len(documents))
	}
	for i, object := range []any{&network, &set} {
		if err := yaml.UnmarshalStrict([]byte(documents[i]), object); err != nil {
			t.Fatal(err)
		}
	}
	want := []metav1.TypeMeta{{Kind: "ConfigMap", APIVersion: "v1"}, {Kind: "DaemonSet", APIVersion: "apps/v1"}}
	if got := []metav1.TypeMeta{network.TypeMeta, set.TypeMeta}; !slices.Equal(got, want) {
		t.Fatalf("the documents are %v, want %v", got, want)
	}
	return network, set
}

// TestStrictnessOfDecoding: the check of the manifest can fail.
func TestStrictnessOfDecoding(t *testing.T) {
	for _, wrong := range []string{
		"spec: {template: {spec: {hostnetwrk: true}}}",
		"spec: {template: {spec: {hostNetwork: 1}}}",
		"spec: {template: {}, template: {}}",
	} {
		if err := yaml.UnmarshalStrict([]byte(wrong), new(appsv1.DaemonSet)); err == nil {
			t.Errorf("accepted: %s", wrong)
		}
	}
}

// TestDaemonSet checks what the API server does beyond types, and what a node needs that has no network yet.
func TestDaemonSet(t *testing.T) {
	network, set := manifest(t)
	pod := set.Spec.Template
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
		t.Errorf("selector %v (%v) does not choose the pods' labels %v", selector, err, pod.Labels)
	}
	if set.Namespace != network.Namespace {
		t.Errorf("the namespaces differ: %s, %s", set.Namespace, network.Namespace)
	}
	if !pod.Spec.HostNetwork {
		t.Error("the pods wait for the network that they bring")
	}
	if !slices.Contains(pod.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists}) {
		t.Error("the pods do not tolerate a node that is not ready")
	}
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = v
	}
	if v := volumes["network"]; v.ConfigMap == nil || v.ConfigMap.Name != network.Name {
		t.Errorf("the volume of the network is not the ConfigMap %s: %v", network.Name, v)
	}
	for _, c := range containers(set) {
		checkContainer(t, c, volumes)
	}
}

// containers are all of the pod's, in the order in which they are started.
func containers(set appsv1.DaemonSet) []corev1.Container {
	return slices.Concat(set.Spec.Template.Spec.InitContainers, set.Spec.Template.Spec.Containers)
}

func checkContainer(t *testing.T, c corev1.Container, volumes map[string]corev1.Volume) {
	t.Helper()
	if c.Image != placeholder {
		t.Errorf("container %s has an image of its own: %s", c.Name, c.Image)
	}
	if len(c.Command) > 0 {
		t.Errorf("container %s does not use the image's entry point", c.Name)
	}
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Privileged != nil ||
		s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("container %s may more than it needs: %v", c.Name, s)
	}
	for _, m := range c.VolumeMounts {
		v, ok := volumes[m.Name]
		if !ok {
			t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
		}
		if v.HostPath != nil && m.MountPath != "/host"+v.HostPath.Path {
			t.Errorf("container %s has the host's %s at %s", c.Name, v.HostPath.Path, m.MountPath)
		}
	}
}

// image is a reference to an image as runtimes read it, when it has no registry: lower case (the OCI's distribution
// specification, "Pulling manifests").
var image = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*(:\w[\w.-]*)?$`)

// TestPlaceholderIsNobodysImage: whoever forgets to set it gets an error, and not an image that a stranger has published
// under that name.
func TestPlaceholderIsNobodysImage(t *testing.T) {
	if image.MatchString(placeholder) || !image.MatchString("cnilab/bridge:v1") {
		t.Errorf("%s may be an image", placeholder)
	}
}
