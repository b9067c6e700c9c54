package scenario

func sysctlForms() []form { return requests("sysctl") }
