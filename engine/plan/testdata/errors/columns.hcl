locals {
	tab = ["ünïcode 日本語", locl.x] # tabs and wide characters before the mistake
}
