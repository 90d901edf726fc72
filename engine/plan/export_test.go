package plan

// Attribute is what docs/plan-language.md says of one attribute.
type Attribute struct {
	Name, Kind, Default string
	Must                bool
}

// Schema lists the attributes of every block, inner ones as "query choose", in
// the order of the documentation.
func Schema() (blocks []string, attributes map[string][]Attribute) {
	attributes = map[string][]Attribute{}
	var add func(prefix string, types []blockType)
	add = func(prefix string, types []blockType) {
		for _, t := range types {
			name := prefix + t.kind
			blocks = append(blocks, name)
			for _, a := range t.attrs {
				attributes[name] = append(attributes[name], Attribute{a.name, a.kind, a.def, a.must})
			}
			add(name+" ", t.blocks)
		}
	}
	add("", language)
	return blocks, attributes
}

// FunctionNames lists the functions of the language.
func FunctionNames() []string {
	l := &loader{functions: nil}
	l.functions = append(l.functions, functions(nil, newBudget()))
	return l.functionNames()
}
