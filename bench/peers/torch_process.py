"""The PyTorch process of the benchmarks: reads JSON requests from stdin, writes JSON answers to stdout, one per line.

Run as `python3 torch_process.py DEVICE THREADS`. Arrays are in base64. It measures the times itself, so that they do not
include the pipe.
"""

import base64
import json
import math
import sys
import time

import numpy
import torch
import torch.nn.functional as F

device = torch.device(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
torch.backends.cuda.matmul.allow_tf32 = False


def decode(array):
    kind = {"f32": numpy.float32, "u32": numpy.uint32}[array["type"]]
    values = numpy.frombuffer(base64.b64decode(array["bytes"]), kind).reshape(array["shape"])
    values = values.astype(numpy.int64) if array["type"] == "u32" else values.copy()
    return torch.from_numpy(values).to(device)


def timed(work):
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1000


class Trainer:
    def __init__(self, request):
        self.sizes = request["sizes"]
        self.blocks = request["blocks"]
        self.factors = request["factors"]
        self.inputs = {name: decode(array) for name, array in request["inputs"].items()}
        self.p = {name: decode(a).requires_grad_() for name, a in request["parameters"].items()}
        settings = request["optimizer"]
        self.max_norm = settings["maxNorm"]
        decayed = [p for name, p in self.p.items() if name in request["decayed"]]
        others = [p for name, p in self.p.items() if name not in request["decayed"]]
        groups = [
            {"params": decayed, "weight_decay": settings["decay"]},
            {"params": others, "weight_decay": 0},
        ]
        rate, betas, eps = settings["rate"], settings["betas"], settings["eps"]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=betas, eps=eps)
        n = self.sizes["queries"]
        self.mask = torch.ones(n, n, dtype=torch.bool, device=device).triu(1)

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p.get(name + ".bias"))

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[name + ".weight"], self.p[name + ".bias"])

    def embed(self, ids, positions):
        table = self.p[positions]
        rows = F.embedding(ids.reshape(-1, len(table)), self.p["tok_emb.weight"])
        return rows + table

    def attend(self, q, k, v, causal):
        heads = self.sizes["heads"]
        split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
        scores = split(q) @ split(k).transpose(-2, -1) / math.sqrt(q.shape[-1] / heads)
        if causal:
            scores = scores.masked_fill(self.mask, -math.inf)
        return (scores.softmax(-1) @ split(v)).transpose(1, 2).flatten(-2)

    def forward(self):
        past = self.embed(self.inputs["pastIds"], "pos_emb_prev")
        x = self.embed(self.inputs["ids"], "pos_emb")
        for block in self.blocks:
            name, kind = block["prefix"], block["kind"]
            source = {"history": past, "stimulus": self.inputs["video"], "state": x}[kind]
            attended = self.attend(
                self.linear(self.norm(x, name + ".ln1"), name + ".attn.query"),
                self.linear(source, name + ".attn.key"),
                self.linear(source, name + ".attn.value"),
                kind == "state",
            )
            x = x + self.linear(attended, name + ".attn.proj")
            inner = F.gelu(self.linear(self.norm(x, name + ".ln2"), name + ".mlp.0"))
            x = self.norm(x + self.linear(inner, name + ".mlp.2"), name + ".ln_f")
        x = x.flatten(0, 1)
        token_loss = F.cross_entropy(self.linear(x, "head_id"), self.inputs["nextIds"])
        time_loss = F.cross_entropy(self.linear(x, "head_dt"), self.inputs["nextTimes"])
        return self.factors["token"] * token_loss + self.factors["time"] * time_loss

    def run(self, _):
        def step():
            self.optimizer.zero_grad()
            self.loss = self.forward()
            self.loss.backward()
            torch.nn.utils.clip_grad_norm_(self.p.values(), self.max_norm)
            self.optimizer.step()

        return timed(step)

    def result(self):
        return float(self.loss)


class Multiplier:
    def __init__(self, request):
        form = request["form"]
        a, b = decode(request["a"]), decode(request["b"])
        self.a = a.T if form == "tn" else a
        self.b = b.T if form == "nt" else b

    def run(self, repeats):
        def multiply():
            for _ in range(repeats):
                self.out = self.a @ self.b

        return timed(multiply) / repeats

    def result(self):
        return base64.b64encode(self.out.cpu().numpy().tobytes()).decode()


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    objects = {}
    answer({"version": torch.__version__, "cuda": torch.cuda.is_available()})
    for line in sys.stdin:
        request = json.loads(line)
        name = request["name"]
        if request["do"] == "train":
            objects[name] = Trainer(request)
            answer(None)
        elif request["do"] == "multiply":
            objects[name] = Multiplier(request)
            answer(None)
        elif request["do"] == "run":
            answer(objects[name].run(request["repeats"]))
        elif request["do"] == "result":
            answer(objects[name].result())
        elif request["do"] == "dispose":
            del objects[name]
            answer(None)


main()
