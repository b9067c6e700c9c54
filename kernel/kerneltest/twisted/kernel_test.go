package twisted

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestMethodsAreReplaced calls every method: the function of its name is called in its stead, and no other.
func TestMethodsAreReplaced(t *testing.T) {
	var called []string
	k := recording(&called)
	for _, v := range []reflect.Value{reflect.ValueOf(&host{k: &k}), reflect.ValueOf(&netns{k: &k})} {
		for i := range v.NumMethod() {
			name, method := v.Type().Method(i).Name, v.Method(i)
			called = nil
			method.Call(zeros(method.Type().NumIn(), method.Type().In))
			if !slices.Equal(called, []string{name}) {
				t.Errorf("%s calls %v", name, called)
			}
		}
	}
}

// recording returns a Kernel whose functions do nothing but write down their names.
func recording(called *[]string) Kernel {
	var k Kernel
	fields := reflect.ValueOf(&k).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if field.Name == "Hook" || strings.HasPrefix(field.Name, "Show") {
			continue // for no method of their own
		}
		fields.Field(i).Set(reflect.MakeFunc(field.Type, func([]reflect.Value) []reflect.Value {
			*called = append(*called, field.Name)
			return zeros(field.Type.NumOut(), field.Type.Out)
		}))
	}
	return k
}

// zeros returns the zero values of n types.
func zeros(n int, typ func(int) reflect.Type) []reflect.Value {
	var all []reflect.Value
	for i := range n {
		all = append(all, reflect.Zero(typ(i)))
	}
	return all
}
