package comparison_test

import (
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/comparison"
)

// Signs of interception are printed as words, a row for each RSI and side.
func TestSignsAreWords(t *testing.T) {
	d := rich()
	d.Ours.Apart.Signs, d.Theirs.Apart.Signs = nil, nil
	for i, sign := range []string{comparison.SignRecursion, comparison.SignAuthority, comparison.SignQuestion, comparison.SignOperator, comparison.SignResolver} {
		one := comparison.Sign{Sign: sign, RSI: "a", VantagePoints: 10 + i, Networks: 5 + i, Answers: 1000 + int64(i)}
		d.Theirs.Apart.Signs = append(d.Theirs.Apart.Signs, one)
		if sign == comparison.SignQuestion {
			one.VantagePoints, one.Networks, one.Answers = 1, 1, 2
			d.Ours.Apart.Signs = append(d.Ours.Apart.Signs, one)
		}
	}
	for ending, printed := range editions(t, d) {
		if strings.Contains(printed, comparison.SignRecursion) || strings.Contains(printed, comparison.SignOperator) {
			t.Errorf("%s has the key of a sign", ending)
		}
	}
	_, table, _ := strings.Cut(editions(t, d)[".txt"], "Signs that somebody else answers\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var rows [][]string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "a ") {
			rows = append(rows, strings.Fields(strings.ReplaceAll(line, " / ", "/")))
		}
	}
	want := [][]string{{"a", "ours", "1/1/2", "-", "-", "-", "-"}, {"a", "crowd", "12/7/1,002", "10/5/1,000", "11/6/1,001", "13/8/1,003", "14/9/1,004"}}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%q, want %q, in\n%s", rows, want, table)
	}
}

// SOA records that differ stand on the first screen, and "none" is not said where nobody looked.
func TestDifferingRecords(t *testing.T) {
	d := rich()
	d.Content = []comparison.Content{{RSI: "h", Correct: 99, Incorrect: 1, Probes: 1, Networks: 1}, {RSI: "k", Correct: 7}}
	heading := "SOA records that differ from the archive\n----------------------------------------\n"
	for want, content := range map[string][]comparison.Content{
		"h: 1 of 100 SOA records from 1 probe in 1 network.\n": d.Content,
		"None of 7.\n": d.Content[1:],
		"None was compared; mtric import atlas --zones does.\n": {{RSI: "h", Unchecked: 5}},
	} {
		d.Content = content
		if text := editions(t, d)[".txt"]; !strings.Contains(text, heading+want) {
			t.Errorf("want %q in %s", want, text)
		}
		if page := editions(t, d)[".html"]; !strings.Contains(page, strings.TrimSpace(strings.TrimPrefix(want, "h: "))) {
			t.Errorf("want %q in the page", want)
		}
	}
}

// A window without data says that the crowd was too small, where it was.
func TestPowerIsTold(t *testing.T) {
	w := comparison.Window{From: hour(8, 4), Until: hour(8, 6), Opinion: comparison.NoData, Strongest: strongest(1)}
	for power, want := range map[float64]string{0.239: " The power to find a tenth of our share is 23 %, less than 90 %.", 0.95: ""} {
		w.Power = power
		lines := comparison.Opinion{Verdict: comparison.NoData, Windows: []comparison.Window{w}}.Lines(1)
		if len(lines) != 1 || !strings.HasSuffix(lines[0], "probes)."+want) {
			t.Errorf("%q, want …%q", lines, want)
		}
	}
}
