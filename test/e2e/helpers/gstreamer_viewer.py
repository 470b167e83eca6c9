"""A viewer by GStreamer's webrtcbin: `gstreamer_viewer.py ENCODING-NAME [FIELD=VALUE...]`, the fields of an RTP format.

Writes JSON lines: its offer, then each decoded frame. Reads one: the answer.
"""

import json
import sys
import threading

try:
    import gi

    for name in ("Gst", "GstSdp", "GstWebRTC"):
        gi.require_version(name, "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC
except (ImportError, ValueError) as error:
    sys.exit(f"This Python has no GStreamer with WebRTC ({error}): install python3-gst-1.0 and gir1.2-gst-plugins-bad-1.0.")


def tell(**about):
    print(json.dumps(about), flush=True)


def main(encoding, *fields):
    Gst.init(None)
    pipeline = Gst.Pipeline()
    webrtc = Gst.ElementFactory.make("webrtcbin")
    if webrtc is None:
        sys.exit("GStreamer has no webrtcbin: install gstreamer1.0-plugins-bad and gstreamer1.0-nice.")
    pipeline.add(webrtc)
    loop = GLib.MainLoop()

    caps = ["application/x-rtp", "media=video", f"encoding-name={encoding}", "clock-rate=90000", "payload=96"]
    caps += [*fields, "rtcp-fb-nack-pli=(boolean)true"]
    transceiver = webrtc.emit(
        "add-transceiver",
        GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
        Gst.Caps.from_string(",".join(caps)),
    )
    transceiver.set_property("do-nack", True)

    def offered(promise):
        # The offer lives in the reply.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        webrtc.emit("set-local-description", offer, Gst.Promise.new())
        tell(offer=offer.sdp.as_text())
        threading.Thread(target=wait_for_answer, daemon=True).start()

    def wait_for_answer():
        _, answer = GstSdp.SDPMessage.new_from_text(json.loads(sys.stdin.readline())["answer"])
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, answer)
        webrtc.emit("set-remote-description", description, Gst.Promise.new())
        # Its end is ours.
        sys.stdin.read()
        loop.quit()

    def negotiate(*_):
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))

    def decoded(pad, _):
        _, width = pad.get_current_caps().get_structure(0).get_int("width")
        _, height = pad.get_current_caps().get_structure(0).get_int("height")
        tell(width=width, height=height)
        return Gst.PadProbeReturn.OK

    def add(name):
        element = Gst.ElementFactory.make(name)
        pipeline.add(element)
        element.sync_state_with_parent()
        return element

    def show(_, pad):
        sink = add("fakesink")
        pad.add_probe(Gst.PadProbeType.BUFFER, decoded)
        pad.link(sink.get_static_pad("sink"))

    def receive(_, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decoder = add("decodebin")
        decoder.connect("pad-added", show)
        pad.link(decoder.get_static_pad("sink"))

    def failed(_, message):
        error, details = message.parse_error()
        print(f"{error}: {details}", file=sys.stderr)
        loop.quit()

    webrtc.connect("on-negotiation-needed", negotiate)
    webrtc.connect("pad-added", receive)
    pipeline.get_bus().add_signal_watch()
    pipeline.get_bus().connect("message::error", failed)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)


main(*sys.argv[1:])
