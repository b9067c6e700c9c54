// Command empty does nothing: what it takes is what the start of any Go program takes.
package main

func main() {}
