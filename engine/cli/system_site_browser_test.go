//go:build system

package cli_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a Chromium that is spoken to by the DevTools protocol over a pair of pipes.
type browser struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      *os.File
	session string
	shown   string // what the page showed when it was last waited for

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	said    []string // errors and warnings of the console and the log
	loads   int64    // bytes of what was loaded
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// openBrowser opens one with an empty page.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: testdata/rig/install.sh installs it")
	}
	theirIn, ourIn, err := os.Pipe()
	must(t, err)
	ourOut, theirOut, err := os.Pipe()
	must(t, err)
	b := &browser{t: t, in: ourIn, waiting: map[int]chan reply{}}
	b.cmd = exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, b.cmd.Start())
	must(t, errors.Join(theirIn.Close(), theirOut.Close()))
	go b.listen(ourOut)
	t.Cleanup(b.close)
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// close ends the browser and all its processes: they are a group of their own.
func (b *browser) close() {
	err := syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		b.t.Error(err)
	}
	_ = b.cmd.Wait() // it was killed
	must(b.t, b.in.Close())
}

// listen takes what the browser sends, messages that end with a zero byte.
func (b *browser) listen(from *os.File) {
	defer from.Close()
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.ID != 0 {
			b.waiting[m.ID] <- m.reply
			delete(b.waiting, m.ID)
		} else {
			b.note(m.Method, m.Params)
		}
		b.mu.Unlock()
	}
}

// note keeps errors and warnings.
func (b *browser) note(method string, params json.RawMessage) {
	var p struct {
		Type              string
		Entry             struct{ Level, Text, URL string }
		EncodedDataLength float64
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	switch {
	case method == "Runtime.exceptionThrown",
		method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "warning"),
		method == "Log.entryAdded" && p.Entry.Level == "error":
		b.said = append(b.said, fmt.Sprintf("%s %.500s", method, params))
	case method == "Network.loadingFinished":
		b.loads += int64(p.EncodedDataLength)
	}
}

// complaints are what was said since they were asked for.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.said
	b.said = nil
	return said
}

// call calls a method of the protocol.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	got := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	b.waiting[b.next] = got
	m := map[string]any{"id": b.next, "method": method, "params": params}
	b.mu.Unlock()
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	must(b.t, err)
	_, err = b.in.Write(append(text, 0))
	must(b.t, err)
	select {
	case r := <-got:
		if r.Error != nil {
			b.t.Fatalf("%s: %s", method, r.Error.Message)
		}
		if result != nil {
			must(b.t, json.Unmarshal(r.Result, result))
		}
	case <-time.After(30 * time.Second):
		b.t.Fatalf("%s: the browser is silent", method)
	}
}

// eval is the value of an expression in the page.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if value != nil && r.Result.Value != nil {
		must(b.t, json.Unmarshal(r.Result.Value, value))
	}
}

func (b *browser) text(expression string) (text string) {
	b.t.Helper()
	b.eval(expression, &text)
	return text
}

func (b *browser) truth(expression string) (yes bool) {
	b.t.Helper()
	b.eval("Boolean("+expression+")", &yes)
	return yes
}

// look sets the width of the window and whether it is dark.
func (b *browser) look(width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open loads a page anew and waits until it shows the view of the address.
func (b *browser) open(base, hash string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.call("Page.navigate", map[string]any{"url": base + "/index.html" + hash}, nil)
	b.shows(hash)
}

// shows waits until the page shows the view of an address that begins so.
func (b *browser) shows(hash string) {
	b.t.Helper()
	shown := ""
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		shown = b.text(`document.readyState === "complete" && document.getElementById("main")?.dataset.shown === location.hash ? location.hash : "not yet at " + location.hash`)
		if strings.HasPrefix(shown, hash) {
			b.shown = shown
			return
		}
	}
	b.t.Fatalf("the page does not show %s but %s: %s", hash, shown, b.text(`document.body.innerText`))
}

// moves waits until the page shows another address than it did.
func (b *browser) moves() string {
	b.t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		now := b.text(`document.getElementById("main").dataset.shown === location.hash ? location.hash : ""`)
		if now != "" && now != b.shown {
			b.shown = now
			return now
		}
	}
	b.t.Fatalf("the page stays at %s", b.shown)
	return ""
}

func (b *browser) mouse(kind string, x, y float64, buttons int) {
	b.t.Helper()
	b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}, nil)
}

func (b *browser) click(x, y float64) {
	b.t.Helper()
	b.mouse("mouseMoved", x, y, 0)
	b.mouse("mousePressed", x, y, 1)
	b.mouse("mouseReleased", x, y, 0)
}

func (b *browser) drag(x1, x2, y float64) {
	b.t.Helper()
	b.mouse("mousePressed", x1, y, 1)
	b.mouse("mouseMoved", (x1+x2)/2, y, 1)
	b.mouse("mouseMoved", x2, y, 1)
	b.mouse("mouseReleased", x2, y, 0)
}

// tap is a finger.
func (b *browser) tap(x, y float64) {
	b.t.Helper()
	b.call("Input.dispatchTouchEvent", map[string]any{"type": "touchStart", "touchPoints": []map[string]float64{{"x": x, "y": y}}}, nil)
	b.call("Input.dispatchTouchEvent", map[string]any{"type": "touchEnd", "touchPoints": []any{}}, nil)
}

// key presses and releases a key.
func (b *browser) key(key string) {
	b.t.Helper()
	code := map[string]int{"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}[key]
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
}
