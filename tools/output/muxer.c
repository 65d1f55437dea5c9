#include "tools/output/muxer.h"

#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <unistd.h>

#if LIBAVFORMAT_VERSION_MAJOR < 61 // FFmpeg 7 made the bytes const
typedef uint8_t write_byte;
#else
typedef const uint8_t write_byte;
#endif

enum { IO_BUFFER = 1 << 16 };

bool muxer_failed(const struct muxer *m, const char *what, int code, struct error *err) {
    if (m->io_error.code != ERROR_NONE) return error_set(err, m->io_error.code, "%s", m->io_error.message);
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, why, sizeof why);
    return error_set(err, code == AVERROR(ENOMEM) ? ERROR_MEMORY : ERROR_IO, "%s: %s: %s", m->path, what,
                     why);
}

static int write_bytes(void *opaque, write_byte *data, int size) {
    struct muxer *m = opaque;
    if (m->given_up) return AVERROR(EIO);
    return sink_write(&m->sink, data, (size_t)size, &m->io_error) ? size : AVERROR(EIO);
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence) {
    struct muxer *m = opaque;
    if (whence & AVSEEK_SIZE) return AVERROR(ENOSYS);
    off_t at = lseek(m->sink.file.fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

bool muxer_open(struct muxer *m, const char *path, const char *format, struct error *err) {
    *m = (struct muxer){.path = path};
    if (!sink_open(&m->sink, path, err)) return false;
    int code = avformat_alloc_output_context2(&m->context, NULL, format, NULL);
    if (code < 0) return muxer_failed(m, "cannot start the muxer", code, err);
    // An index that is moved to the front is made by opening the file a second time. "file:" lets a path hold colons.
    m->context->url = av_asprintf("file:%s", m->sink.to_stdout ? "" : m->sink.file.temporary);
    unsigned char *buffer = av_malloc(IO_BUFFER);
    if (buffer != NULL)
        m->context->pb = avio_alloc_context(buffer, IO_BUFFER, 1, m, NULL, write_bytes,
                                            m->sink.to_stdout ? NULL : seek_bytes);
    if (m->context->pb == NULL) av_free(buffer);
    return (m->context->url != NULL && m->context->pb != NULL) ||
           muxer_failed(m, "cannot write", AVERROR(ENOMEM), err);
}

bool muxer_start(struct muxer *m, const AVCodecContext *encoder, const char *options, struct error *err) {
    AVStream *stream = avformat_new_stream(m->context, NULL);
    if (stream == NULL) return muxer_failed(m, "cannot add a stream", AVERROR(ENOMEM), err);
    stream->time_base = encoder->time_base;
    stream->avg_frame_rate = encoder->framerate;
    int code = avcodec_parameters_from_context(stream->codecpar, encoder);
    // The one of two names for it that Apple's players know.
    if (encoder->codec_id == AV_CODEC_ID_HEVC && av_match_name(m->context->oformat->name, "mp4,mov"))
        stream->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');
    AVDictionary *chosen = NULL;
    if (code >= 0) code = av_dict_parse_string(&chosen, options, "=", ":", 0);
    if (code >= 0) code = avformat_write_header(m->context, &chosen);
    av_dict_free(&chosen);
    m->begun = code >= 0;
    return m->begun || muxer_failed(m, "cannot write the header", code, err);
}

bool muxer_write(struct muxer *m, AVPacket *packet, AVRational time_base, struct error *err) {
    AVStream *stream = m->context->streams[0];
    if (packet->duration == 0) packet->duration = 1;
    av_packet_rescale_ts(packet, time_base, stream->time_base);
    packet->stream_index = stream->index;
    int code = av_interleaved_write_frame(m->context, packet);
    // Whoever reads a pipe is to see each frame when it is there.
    if (code >= 0 && m->sink.to_stdout) avio_flush(m->context->pb);
    return code >= 0 || muxer_failed(m, "cannot write", code, err);
}

bool muxer_finish(struct muxer *m, struct error *err) {
    int code = av_write_trailer(m->context);
    m->begun = false;
    avio_flush(m->context->pb);
    if (code >= 0) code = m->context->pb->error;
    if (code < 0 || m->io_error.code != ERROR_NONE) return muxer_failed(m, "cannot finish", code, err);
    return sink_commit(&m->sink, err);
}

// libavformat keeps a picture of a GIF until its trailer, and frees it nowhere else.
static void give_up(struct muxer *m) {
    m->given_up = true;
    if (m->begun && av_match_name(m->context->oformat->name, "gif")) av_write_trailer(m->context);
}

void muxer_close(struct muxer *m) {
    give_up(m);
    if (m->context != NULL && m->context->pb != NULL) {
        av_freep(&m->context->pb->buffer);
        avio_context_free(&m->context->pb);
    }
    avformat_free_context(m->context);
    m->context = NULL;
    sink_close(&m->sink);
}
