import copy
import pickle


class Node:
    def __init__(self, value, children=()):
        self.value = value
        self.children = list(children)
        self.parent = None
        for c in self.children:
            c.parent = self

    def __eq__(self, other):
        return (self.value, self.children) == (other.value, other.children)


tree = Node("r", [Node(1), Node(2, [Node(3)])])
twin = pickle.loads(pickle.dumps(tree))
deep, shallow = copy.deepcopy(tree), copy.copy(tree)
deep.children[0].value = 99
[twin == tree, twin.children[0].parent is twin, tree.children[0].value, shallow.children is tree.children, pickle.loads(pickle.dumps({1, 2, "x"})) == {1, 2, "x"}]
