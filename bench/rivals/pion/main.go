// The pion lane of the fan-out bench, and the receivers of all lanes: peer connections of pion (Go) in one process. It
// exchanges lines of JSON.
//
//	pion receive 100   prints an offer per viewer, reads the answers, counts packets
//	pion send          reads offers, answers them, sends a clip to all on one shared track
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc"
)

const payloadBytes = 1176

type message struct {
	ID     int    `json:"id"`
	Offer  string `json:"offer,omitempty"`
	Answer string `json:"answer,omitempty"`
	Run    *run   `json:"run,omitempty"`
	Count  bool   `json:"count,omitempty"`
}

type run struct {
	Clip    string  `json:"clip"`
	Fps     float64 `json:"fps"`
	Seconds float64 `json:"seconds"`
	// Send frames without pauses.
	Saturate bool `json:"saturate"`
}

type clip struct {
	Frames []string `json:"frames"`
}

type result struct {
	Packets int     `json:"packets"`
	CPU     float64 `json:"cpu"`
	Elapsed float64 `json:"elapsed"`
	P99     float64 `json:"p99"`
	RSS     float64 `json:"rss"`
}

var (
	printing  sync.Mutex
	connected int64
	received  int64
	lost      int64
)

func print(value any) {
	text, err := json.Marshal(value)
	check(err)
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newAPI() *webrtc.API {
	media := &webrtc.MediaEngine{}
	check(media.RegisterDefaultCodecs())
	settings := webrtc.SettingEngine{}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings))
}

func lines(handle func(message)) {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(make([]byte, 1<<20), 1<<26)
	for scanner.Scan() {
		var line message
		check(json.Unmarshal(scanner.Bytes(), &line))
		handle(line)
	}
}

func receive(count int) {
	api := newAPI()
	peers := make([]*webrtc.PeerConnection, count)
	for id := range peers {
		peer, err := api.NewPeerConnection(webrtc.Configuration{})
		check(err)
		_, err = peer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		check(err)
		peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				atomic.AddInt64(&connected, 1)
			}
		})
		peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { drain(track) })
		offer, err := peer.CreateOffer(nil)
		check(err)
		check(peer.SetLocalDescription(offer))
		peers[id] = peer
	}
	for id, peer := range peers {
		<-webrtc.GatheringCompletePromise(peer)
		print(message{ID: id, Offer: peer.LocalDescription().SDP})
	}
	lines(func(line message) {
		if line.Answer != "" {
			check(peers[line.ID].SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: line.Answer}))
		}
		if line.Count {
			print(map[string]int64{"connected": atomic.LoadInt64(&connected), "received": atomic.LoadInt64(&received), "lost": atomic.LoadInt64(&lost)})
		}
	})
}

func drain(track *webrtc.TrackRemote) {
	buffer := make([]byte, 2048)
	var last uint16
	first := true
	for {
		n, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		if n < 12 {
			continue
		}
		number := uint16(buffer[2])<<8 | uint16(buffer[3])
		if !first && number-last > 1 && number-last < 1<<15 {
			atomic.AddInt64(&lost, int64(number-last-1))
		}
		if first || number-last < 1<<15 {
			last = number
		}
		first = false
		atomic.AddInt64(&received, 1)
	}
}

func send() {
	api := newAPI()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "bench")
	check(err)
	var number uint16
	lines(func(line message) {
		if line.Offer != "" {
			peer, err := api.NewPeerConnection(webrtc.Configuration{})
			check(err)
			sender, err := peer.AddTrack(track)
			check(err)
			go func() {
				buffer := make([]byte, 1500)
				for {
					if _, _, err := sender.Read(buffer); err != nil {
						return
					}
				}
			}()
			check(peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: line.Offer}))
			answer, err := peer.CreateAnswer(nil)
			check(err)
			gathered := webrtc.GatheringCompletePromise(peer)
			check(peer.SetLocalDescription(answer))
			<-gathered
			print(message{ID: line.ID, Answer: peer.LocalDescription().SDP})
		}
		if line.Run != nil {
			print(play(track, *line.Run, &number))
		}
	})
}

func play(track *webrtc.TrackLocalStaticRTP, run run, number *uint16) result {
	text, err := os.ReadFile(run.Clip)
	check(err)
	var loaded clip
	check(json.Unmarshal(text, &loaded))
	frames := make([][]byte, len(loaded.Frames))
	for n, frame := range loaded.Frames {
		frames[n], err = base64.StdEncoding.DecodeString(frame)
		check(err)
	}
	period := time.Duration(float64(time.Second) / run.Fps)
	began := time.Now()
	cpu := cpuSeconds()
	packets := 0
	var took []float64
	for n := 0; time.Since(began).Seconds() < run.Seconds; n++ {
		if !run.Saturate {
			time.Sleep(time.Until(began.Add(time.Duration(n) * period)))
		}
		at := time.Now()
		data := frames[n%len(frames)]
		for from := 0; from < len(data); from += payloadBytes {
			to := from + payloadBytes
			if to > len(data) {
				to = len(data)
			}
			packet := rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: *number, Timestamp: uint32(n) * uint32(90000/run.Fps), Marker: to == len(data)},
				Payload: data[from:to],
			}
			*number++
			check(track.WriteRTP(&packet))
			packets++
		}
		took = append(took, float64(time.Since(at).Microseconds())/1000)
	}
	sort.Float64s(took)
	return result{
		Packets: packets,
		CPU:     cpuSeconds() - cpu,
		Elapsed: time.Since(began).Seconds(),
		P99:     took[len(took)*99/100],
		RSS:     rss(),
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func rss() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	check(err)
	var size, resident float64
	_, err = fmt.Sscan(string(text), &size, &resident)
	check(err)
	return resident * 4096
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "receive" {
		count, err := strconv.Atoi(os.Args[2])
		check(err)
		receive(count)
	} else {
		send()
	}
}
