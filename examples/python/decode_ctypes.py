#!/usr/bin/env python3
"""Compiles an ONNX decoder and decodes latents with it, with ctypes and NumPy alone.

    decode_ctypes.py MODEL.onnx LATENTS.npy FRAMES.npy [RGB.npy]

Latents are float32 [1,C,T,h,w]. FRAMES is float32 [1,3,F,H,W], RGB uint8 [F,H,W,3]. The plan stays in memory, and no frame is
copied on the way: NumPy looks at the session's own memory, or the session writes into NumPy's.

The libraries are found by the loader (LD_LIBRARY_PATH, or installed).
"""
import ctypes as c
import sys

import numpy as np

WAN_OK, WAN_FLOAT, WAN_BYTE = 0, 1, 2


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("name", c.c_char * 40), ("message", c.c_char * 1024)]


class Versioned(c.Structure):
    """Structures that begin with their size."""

    def __init__(self, **fields):
        super().__init__(size=c.sizeof(type(self)), **fields)


class PlanParams(Versioned):
    _fields_ = [("size", c.c_size_t)] + [
        (name, c.c_uint32)
        for name in ("latent_channels latent_height latent_width frame_channels frame_height frame_width "
                     "first_frames first_kept steady_frames").split()
    ] + [("peak_bytes", c.c_uint64)]


class SessionParams(Versioned):
    _fields_ = [("size", c.c_size_t), ("threads", c.c_uint), ("latent_height", c.c_uint32), ("latent_width", c.c_uint32),
                ("all_frames", c.c_int)] + [
        (name, c.c_void_p)
        for name in ("pool observer observer_context progress progress_context cache_folder allocator log "
                     "log_context").split()
    ]


class Image(Versioned):
    _fields_ = [("size", c.c_size_t), ("element", c.c_int), ("data", c.c_void_p), ("channel_stride", c.c_ssize_t),
                ("row_stride", c.c_ssize_t), ("pixel_stride", c.c_ssize_t)]


class Model(Versioned):
    _fields_ = [("size", c.c_size_t), ("path", c.c_char_p), ("data", c.c_void_p), ("bytes", c.c_size_t)]


class LatentSize(c.Structure):
    _fields_ = [("height", c.c_uint32), ("width", c.c_uint32)]


class CompileParams(Versioned):
    _fields_ = [("size", c.c_size_t), ("latent_sizes", c.POINTER(LatentSize)), ("latent_size_count", c.c_size_t),
                ("conv", c.c_int), ("max_error", c.c_double), ("cache_type", c.c_int), ("bands", c.c_int),
                ("first", c.c_int), ("max_memory", c.c_uint64), ("threads", c.c_uint), ("prepack", c.c_int),
                ("tune_seconds", c.c_double), ("timing_cache", c.c_char_p), ("log", c.c_void_p),
                ("log_context", c.c_void_p)]


wan = c.CDLL("libwan.so.1")
wanc = c.CDLL("libwanc.so.1")
for function in (wan.wan_plan_open_memory, wan.wan_session_new):
    function.restype = c.c_void_p
wan.wan_session_receive.restype = c.POINTER(c.c_float)
wan.wan_session_pending.restype = c.c_uint32


def check(status, error):
    if status != WAN_OK:
        raise RuntimeError(f"{error.message.decode()} [{error.name.decode()}]")


class Decoder:
    def __init__(self, path, height, width):
        error, size = Error(), LatentSize(height, width)
        model = Model(path=path.encode())
        params = CompileParams(latent_sizes=c.pointer(size), latent_size_count=1)
        self.data, self.bytes = c.c_void_p(), c.c_size_t()
        self.plan = self.session = None
        check(wanc.wanc_compile_to_memory(c.byref(model), c.c_size_t(1), c.byref(params), c.byref(self.data),
                                          c.byref(self.bytes), c.byref(error)), error)
        self.plan = c.c_void_p(wan.wan_plan_open_memory(self.data, self.bytes, None, c.byref(error)))
        check(WAN_OK if self.plan else error.status, error)
        self.session = c.c_void_p(wan.wan_session_new(self.plan, c.byref(SessionParams()), c.byref(error)))
        check(WAN_OK if self.session else error.status, error)
        self.shape = PlanParams()
        wan.wan_plan_get_params(self.plan, c.byref(self.shape))

    def close(self):
        wan.wan_session_free(self.session)
        wan.wan_plan_close(self.plan)
        wanc.wanc_plan_free(self.data, self.bytes)

    def send(self, latent):
        """float32 [C,h,w]"""
        latent, error = np.ascontiguousarray(latent, np.float32), Error()
        s = self.shape
        if latent.shape != (s.latent_channels, s.latent_height, s.latent_width):
            raise ValueError(f"latent of {latent.shape}")
        check(wan.wan_session_send(self.session, latent.ctypes.data_as(c.POINTER(c.c_float)), c.byref(error)), error)

    def pending(self):
        return wan.wan_session_pending(self.session)

    def receive(self):
        """A view of the next frame, float32 [3,H,W], in the session's memory: valid until the next send."""
        s = self.shape
        return np.ctypeslib.as_array(wan.wan_session_receive(self.session),
                                     (s.frame_channels, s.frame_height, s.frame_width))

    def receive_into(self, array):
        """Writes the next frame into an array [3,H,W] of float32 or uint8, of any strides."""
        s, error = self.shape, Error()
        if array.shape != (s.frame_channels, s.frame_height, s.frame_width) or not array.flags.writeable:
            raise ValueError(f"array of {array.shape}")
        element = {np.dtype(np.float32): WAN_FLOAT, np.dtype(np.uint8): WAN_BYTE}[array.dtype]
        image = Image(element=element, data=array.ctypes.data, channel_stride=array.strides[0],
                      row_stride=array.strides[1], pixel_stride=array.strides[2])
        check(wan.wan_session_receive_into(self.session, c.byref(image), c.byref(error)), error)


def main():
    latents = np.load(sys.argv[2])
    decoder = Decoder(sys.argv[1], *latents.shape[3:])
    s, steps = decoder.shape, latents.shape[2]
    count = s.first_kept + (steps - 1) * s.steady_frames
    as_bytes = len(sys.argv) > 4
    shape = (count, s.frame_height, s.frame_width, s.frame_channels)
    rgb = np.empty(shape, np.uint8) if as_bytes else None
    frames = np.empty((1, s.frame_channels, count, s.frame_height, s.frame_width), np.float32)
    first = 0
    for t in range(steps):
        decoder.send(latents[0, :, t])
        while decoder.pending():
            if as_bytes:
                decoder.receive_into(rgb[first].transpose(2, 0, 1))
            elif t == 0:
                frames[0, :, first] = decoder.receive()  # the one copy is that into the result
            else:
                decoder.receive_into(frames[0, :, first])
            first += 1
    decoder.close()
    if as_bytes:
        np.save(sys.argv[4], rgb)
    else:
        np.save(sys.argv[3], frames)


if __name__ == "__main__":
    main()
