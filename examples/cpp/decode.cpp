// Compiles an ONNX decoder and decodes latents with it, through libwanc and libwan: the plan is never a file.
//
//     decode MODEL.onnx LATENTS.raw HEIGHT WIDTH FRAMES.raw
//
//     c++ -std=c++17 decode.cpp $(pkg-config --cflags --libs wan wanc) -o decode
//
// Latents are float[T][C][HEIGHT][WIDTH], frames float[3][height][width] each.
#include <wan/wan.h>
#include <wan/wanc.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace wan {

class error : public std::runtime_error {
  public:
    explicit error(const wan_error &e) : std::runtime_error(e.message), status_(e.status), name_(e.name) {}
    wan_status status() const { return status_; }
    const std::string &name() const { return name_; } // a section of docs/errors.md

  private:
    wan_status status_;
    std::string name_;
};

inline void check(wan_status status, const wan_error &e) {
    if (status != WAN_OK) throw error(e);
}

// The bytes of a plan that was compiled in memory.
class compiled {
  public:
    compiled(const std::string &path, const wanc_params &params) {
        wan_error e;
        wanc_model model{};
        model.size = sizeof model;
        model.path = path.c_str();
        check(wanc_compile_to_memory(&model, 1, &params, &data_, &bytes_, &e), e);
    }
    ~compiled() { wanc_plan_free(data_, bytes_); }
    compiled(const compiled &) = delete;
    compiled &operator=(const compiled &) = delete;
    const void *data() const { return data_; }
    std::size_t size() const { return bytes_; }

  private:
    void *data_ = nullptr;
    std::size_t bytes_ = 0;
};

// Sessions must end before their plan, and the plan before the memory it is in: members are destroyed from the last to the first.
class plan {
  public:
    explicit plan(const compiled &c) {
        wan_error e;
        handle_.reset(wan_plan_open_memory(c.data(), c.size(), nullptr, &e));
        if (!handle_) throw error(e);
    }
    const wan_plan *get() const { return handle_.get(); }
    wan_plan_params shape() const {
        wan_plan_params p{};
        p.size = sizeof p;
        wan_plan_get_params(get(), &p);
        return p;
    }

  private:
    struct closer {
        void operator()(wan_plan *p) const { wan_plan_close(p); }
    };
    std::unique_ptr<wan_plan, closer> handle_;
};

class session {
  public:
    session(const plan &p, const wan_session_params &params) {
        wan_error e;
        handle_.reset(wan_session_new(p.get(), &params, &e));
        if (!handle_) throw error(e);
    }
    void send(const float *latent) {
        wan_error e;
        check(wan_session_send(handle_.get(), latent, &e), e);
    }
    const float *receive() { return wan_session_receive(handle_.get()); } // valid until the next send

  private:
    struct closer {
        void operator()(wan_session *s) const { wan_session_free(s); }
    };
    std::unique_ptr<wan_session, closer> handle_;
};

} // namespace wan

static std::vector<float> read_floats(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file) throw std::runtime_error(path + ": cannot be read");
    const float *first = reinterpret_cast<const float *>(bytes.data());
    return std::vector<float>(first, first + bytes.size() / sizeof(float));
}

static void decode(char **argv) {
    const wanc_latent_size size = {static_cast<uint32_t>(std::atoi(argv[3])),
                                   static_cast<uint32_t>(std::atoi(argv[4]))};
    wanc_params params{};
    params.size = sizeof params;
    params.latent_sizes = &size;
    params.latent_size_count = 1;
    const wan::compiled bytes(argv[1], params);
    const wan::plan plan(bytes);
    const wan_plan_params shape = plan.shape();

    wan_session_params session_params{};
    session_params.size = sizeof session_params;
    wan::session session(plan, session_params);

    const std::vector<float> latents = read_floats(argv[2]);
    const std::size_t latent = std::size_t(shape.latent_channels) * shape.latent_height * shape.latent_width;
    const std::size_t frame = std::size_t(shape.frame_channels) * shape.frame_height * shape.frame_width;
    std::ofstream out(argv[5], std::ios::binary);
    for (std::size_t t = 0; (t + 1) * latent <= latents.size(); t++) {
        session.send(latents.data() + t * latent);
        while (const float *f = session.receive())
            out.write(reinterpret_cast<const char *>(f), static_cast<std::streamsize>(frame * sizeof *f));
    }
    out.close();
    if (!out) throw std::runtime_error(std::string(argv[5]) + ": cannot be written");
}

int main(int argc, char **argv) {
    if (argc != 6) {
        std::cerr << "usage: decode MODEL.onnx LATENTS.raw HEIGHT WIDTH FRAMES.raw\n";
        return 2;
    }
    try {
        decode(argv);
    } catch (const wan::error &e) {
        std::cerr << "decode: " << e.what() << " [" << e.name() << "]\n";
        return 1;
    } catch (const std::exception &e) {
        std::cerr << "decode: " << e.what() << "\n";
        return 1;
    }
    return 0;
}
