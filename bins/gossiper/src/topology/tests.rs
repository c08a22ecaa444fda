use super::*;

fn cluster(count: usize) -> Cluster {
    let ids: Vec<_> = (0..count).map(|number| NodeId::new(&format!("n{number}"))).collect();
    Cluster::new(&ids[0], &ids)
}

fn topology(cluster: &mut Cluster, lists: &[(u16, &[u16])]) -> Topology {
    let id = |number: &u16| NodeId::new(&format!("n{number}"));
    let lists =
        lists.iter().map(|(node, list)| (id(node), list.iter().map(id).collect())).collect();
    Topology::new(cluster, &lists)
}

fn peers(numbers: &[u16]) -> Vec<Peer> {
    numbers.iter().copied().map(Peer).collect()
}

fn neighbours(topology: &Topology, node: u16) -> Vec<Peer> {
    topology.neighbours(Peer(node)).collect()
}

#[test]
fn own_list_comes_first_and_edges_go_both_ways() {
    let mut cluster = cluster(4);
    let graph = topology(&mut cluster, &[(0, &[2, 1]), (1, &[0]), (3, &[0])]);
    assert_eq!(neighbours(&graph, 0), peers(&[2, 1, 3]));
    assert_eq!(neighbours(&graph, 2), peers(&[0]));
    assert_eq!(graph.listed(Peer(0)).collect::<Vec<_>>(), peers(&[2, 1]));
    assert_eq!(graph.spanning_tree(&cluster), graph, "no cycles: nothing is cut");
}

#[test]
fn a_grid_becomes_a_tree_from_its_middle() {
    let mut cluster = cluster(9);
    let graph = topology(
        &mut cluster,
        &[
            (0, &[1, 3]),
            (1, &[2, 4]),
            (2, &[5]),
            (3, &[4, 6]),
            (4, &[5, 7]),
            (5, &[8]),
            (6, &[7]),
            (7, &[8]),
        ],
    );
    let tree = graph.spanning_tree(&cluster);
    let edges: usize = cluster.all().map(|node| tree.neighbours(node).count()).sum();
    assert_eq!(edges, 2 * 8);
    assert_eq!(tree.neighbours(Peer(4)).count(), 4);
    assert_eq!(tree.breadth_first(Peer(0), None).len(), 9);
}

#[test]
fn behind_a_neighbour_is_what_only_it_connects() {
    let mut cluster = cluster(7);
    let tree = topology(&mut cluster, &[(0, &[1, 2]), (1, &[3, 4]), (2, &[5, 6])]);
    assert_eq!(tree.behind(Peer(0), Peer(1)), peers(&[3, 4]));
    assert_eq!(tree.behind(Peer(3), Peer(1)), peers(&[0, 2, 4, 5, 6]));
    assert_eq!(tree.behind(Peer(0), Peer(2)), peers(&[5, 6]));
    let complete = Topology::complete(&cluster);
    assert_eq!(complete.behind(Peer(0), Peer(1)), []);
}

#[test]
fn what_no_list_names_may_be_behind_any_neighbour() {
    let mut cluster = cluster(6);
    // 5 says that it is beside nobody; of 3 and 4 nothing is said.
    let part = topology(&mut cluster, &[(0, &[1, 2]), (5, &[])]);
    for graph in [&part, &part.spanning_tree(&cluster)] {
        assert_eq!(graph.behind(Peer(0), Peer(1)), peers(&[3, 4]));
        assert_eq!(graph.behind(Peer(0), Peer(2)), peers(&[3, 4]));
        assert_eq!(
            graph.breadth_first(Peer(0), None).len(),
            3,
            "but nothing is sent there by itself"
        );
    }
}

#[test]
fn parts_that_nothing_connects_get_a_tree_each() {
    let mut cluster = cluster(5);
    let graph = topology(&mut cluster, &[(0, &[1]), (2, &[3, 4]), (3, &[4])]);
    let tree = graph.spanning_tree(&cluster);
    assert_eq!(neighbours(&tree, 0), peers(&[1]));
    assert_eq!(neighbours(&tree, 2), peers(&[3, 4]));
    assert_eq!(neighbours(&tree, 3), peers(&[2]));
}

#[test]
fn a_complete_graph_becomes_a_star_round_its_first_name() {
    let cluster = Cluster::new(&NodeId::new("n3"), &["n3", "n1", "n2"].map(NodeId::new));
    let tree = Topology::complete(&cluster).spanning_tree(&cluster);
    assert_eq!(neighbours(&tree, 1), peers(&[0, 2]));
    assert_eq!((neighbours(&tree, 0), neighbours(&tree, 2)), (peers(&[1]), peers(&[1])));
}

/// The centre is where a search from every node finds it, in random graphs of one part or more.
#[test]
fn the_centre_is_that_of_all_searches() {
    let mut random = simulator::Random::new(1, "graphs");
    for size in 1..60_u16 {
        let mut cluster = cluster(usize::from(size));
        let edges: Vec<_> = (0..usize::from(size) * (1 + random.index(3)))
            .map(|_| (random.index(usize::from(size)), random.index(usize::from(size))))
            .map(|(from, to)| (from as u16, [to as u16]))
            .collect();
        let lists: Vec<_> = edges.iter().map(|(from, to)| (*from, &to[..])).collect();
        let graph = topology(&mut cluster, &lists);
        let mut order: Vec<_> = cluster.all().collect();
        order.sort_by_key(|peer| cluster.id(*peer));
        for member in cluster.all() {
            let part = graph.breadth_first(member, None);
            let depth = |peer: Peer| graph.breadth_first(peer, None).last().unwrap().distance;
            let members = order.iter().filter(|peer| part.iter().any(|found| found.node == **peer));
            let expected = members.copied().min_by_key(|peer| depth(*peer));
            assert_eq!(Some(graph.centre(member, &order)), expected, "{graph:?}");
        }
    }
}
